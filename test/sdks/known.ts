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

const withoutIds = {
  problems: ['REJECTED', 'TWICE'],
  why: 'it sends no id of its events',
} as const;

const known: readonly Known[] = [
  { ...withoutIds, name: 'posthog', versions: ['2.5.0'] },
  { ...withoutIds, name: 'posthog-node', versions: ['3.0.0'] },
  { ...withoutIds, name: 'github.com/posthog/posthog-go', versions: ['v1.5.2', 'v1.2.24'] },
  ...['mixpanel', 'com.mixpanel:mixpanel-java'].map((name): Known => ({
    name,
    calls: ['engage', 'groups'],
    problems: ['REFUSED', 'BROKE'],
    why: '/engage and /groups are not served',
  })),
  {
    name: 'mixpanel',
    calls: ['alias'],
    problems: ['REFUSED'],
    why: 'its name of an alias is not an event of the contract',
  },
  {
    name: 'com.segment.analytics.java:analytics',
    problems: ['REFUSED'],
    why: '/v1/import is not served',
  },
  {
    name: 'com.mixpanel:mixpanel-java',
    calls: ['track'],
    problems: ['MISTAKEN'],
    why: 'it expects the answer 1',
  },
  ...['posthog', 'posthog-node', 'github.com/posthog/posthog-go', 'com.posthog.java:posthog'].map(
    (name): Known => ({
      name,
      calls: ['flags', 'decide'],
      problems: ['REFUSED', 'BROKE'],
      why: '/flags and /decide are not served',
    }),
  ),
];

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
