import type { Problem } from './outcome.ts';
import type { Scenario } from './scenarios.ts';
import type { Call, Sdk } from './sdks.ts';

/** A problem that does not fail this suite. */
interface Known {
  readonly name: string;
  /** Undefined: each. */
  readonly versions?: readonly string[];
  /** Undefined: in each. */
  readonly scenario?: string;
  readonly calls?: readonly Call[];
  readonly problems: readonly Problem[];
  readonly why: string;
}

export const known: readonly Known[] = [];

/** Why a problem is no failure of this suite; undefined: it is one. */
export function knownOf(
  sdk: Sdk,
  scenario: Scenario,
  call: Call,
  problem: Problem,
): string | undefined {
  return known.find(
    (one) =>
      one.name === sdk.name &&
      (one.versions === undefined || one.versions.includes(sdk.version)) &&
      (one.scenario === undefined || one.scenario === scenario.name) &&
      (one.calls === undefined || one.calls.includes(call)) &&
      one.problems.includes(problem),
  )?.why;
}
