import type { Expectations } from './expectations.ts';

/** The results of the conformance program. */
export interface Results {
  /** `hung`: the only failures are calls that the client never sent. */
  readonly verdict: 'passed' | 'failed' | 'hung';
  /** Undefined if the program did not end. */
  readonly passed: number | undefined;
  /** Cases that failed as expected. */
  readonly known: number;
  readonly failed: number;
  readonly skipped: number;
  /** The unexpected failures, each a case with its complaints. */
  readonly surprises: readonly string[];
}

const blameOfHung = 'failed to get result from client: timed out waiting for result from client';

/** Parses the output of `connectconformance -v`. */
export function readResults(
  output: string,
  isGood: boolean,
  expectations: Pick<Expectations, 'unexpected'>,
): Results {
  const surprises: string[] = [];
  let hung = 0;
  let failed = 0;
  for (const { name, isKnown, blame } of casesIn(output)) {
    const left = isKnown ? expectations.unexpected(name, blame) : blame;
    if (isKnown && left.length === 0) continue;
    failed += 1;
    if (left.every((line) => line === blameOfHung)) hung += 1;
    surprises.push([name, ...left].join('\n    '));
  }
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(output)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const passed = number(/^(\d+) passed, \d+ failed$/mu);
  const known = number(/^\(Another (\d+) failed as expected/mu) ?? 0;
  const all = number(/^Computed (\d+) test case permutation/mu) ?? 0;
  const skipped = all - (number(/^Filtered tests to (\d+) test case/mu) ?? all);
  const verdict = verdictOf(isGood && passed !== undefined, failed, hung);
  return { verdict, passed, known, failed, skipped, surprises };
}

function verdictOf(isGood: boolean, failed: number, hung: number): Results['verdict'] {
  if (isGood && failed === 0) return 'passed';
  return failed > 0 && failed === hung ? 'hung' : 'failed';
}

interface CaseBlame {
  readonly name: string;
  readonly isKnown: boolean;
  readonly blame: string[];
}

const knownPattern = /^INFO: (\S.*) failed \(as expected\):$/u;
const betterPattern = /^FAILED: (\S.*) (was expected to fail but did not)$/u;
const failedPattern = /^FAILED: (\S.*):$/u;

/** Cases that failed, as expected or not, and those that should have failed. */
function casesIn(output: string): CaseBlame[] {
  const cases: CaseBlame[] = [];
  for (const line of output.split('\n')) {
    const known = knownPattern.exec(line)?.[1];
    const [, better, why] = betterPattern.exec(line) ?? [];
    const failed = failedPattern.exec(line)?.[1];
    if (known !== undefined) cases.push({ name: known, isKnown: true, blame: [] });
    else if (better !== undefined) cases.push({ name: better, isKnown: false, blame: [why!] });
    else if (failed !== undefined) cases.push({ name: failed, isKnown: false, blame: [] });
    else if (line.startsWith('\t')) {
      const blame = plainBlame(line);
      if (blame !== '') cases.at(-1)?.blame.push(blame);
    }
  }
  return cases;
}

/**
 * Normalises white space: Go's protocol buffers vary it on purpose, to discourage comparing texts.
 */
function plainBlame(line: string): string {
  return line
    .replaceAll(/\s+/gu, ' ')
    .replace(/^ (?:; )?/u, '')
    .trim();
}

export function summaryOf({ passed, known, failed, skipped }: Results): string {
  if (passed === undefined) return 'did not end in time';
  return `${passed} passed, ${known} known to fail, ${failed} failed; ${skipped} left out`;
}
