import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { parseExpectations } from './expectations.ts';
import { readResults, summaryOf } from './results.ts';

const text = `# Streams are another's.
skip: **/client-stream/**

# Errors have details.
failing: Errors/*/unary/too-large
flaky: Timeouts/**/unary
complaint: actual error contain \\d details; expecting 0
`;
const totals = (passed: number, failed: number, known: number): string =>
  `Computed 100 test case permutation(s) across 6 server configuration(s).
Filtered tests to 90 test case permutation(s) across 6 server configuration(s).
Total cases: ${passed + failed + known}
${passed} passed, ${failed} failed
(Another ${known} failed as expected due to being known failures/flakes.)
`;

describe('a file of expectations', () => {
  test('has patterns of each kind', () => {
    const { failing, flaky, skip } = parseExpectations(text);
    expect([failing, flaky, skip]).toEqual([
      ['Errors/*/unary/too-large'],
      ['Timeouts/**/unary'],
      ['**/client-stream/**'],
    ]);
  });

  test('expects the complaints of every block that matches a case', () => {
    const { unexpected } = parseExpectations(`${text}
# Also this.
failing: Errors/HTTP:1/unary/too-large
complaint: broken pipe
`);
    const blame = ['actual error contain 2 details; expecting 0', 'broken pipe', 'another'];
    expect(unexpected('Errors/HTTP:1/unary/too-large', blame)).toEqual(['another']);
    expect(unexpected('Errors/HTTP:2/unary/too-large', blame)).toEqual(['broken pipe', 'another']);
    expect(unexpected('Errors/A/B/unary/too-large', blame)).toEqual(blame);
    expect(unexpected('Timeouts/unary', blame)).toEqual(['broken pipe', 'another']);
  });

  test.each([
    ['a block without a reason', 'skip: a/**'],
    ['a line that means nothing', '# Why.\nfail: a/**'],
    ['a failing case without a complaint', '# Why.\nfailing: a/**'],
  ])('%s is an error', (_what, broken) => {
    expect(() => parseExpectations(broken)).toThrow(Error);
  });

  test.each(['connect-node', 'unary'])('known-failing-%s.txt is a valid file', (server) => {
    const file = path.join(import.meta.dirname, `known-failing-${server}.txt`);
    expect(() => parseExpectations(readFileSync(file, 'utf8'))).not.toThrow();
  });
});

describe('the output of the cases', () => {
  const expectations = parseExpectations(text);
  const known = (blame: string): string =>
    `INFO: Errors/HTTP:1/unary/too-large failed (as expected):\n\t${blame}\n`;
  const hung =
    'FAILED: Basic/success:\n\tfailed to get result from client: timed out waiting for result from client\n';

  test('passes if every failure is known, ignoring white space', () => {
    const blame = 'actual\u00a0error contain 2  details; expecting 0';
    const results = readResults(known(blame) + totals(89, 0, 1), true, expectations);
    expect(results).toMatchObject({
      verdict: 'passed',
      passed: 89,
      known: 1,
      failed: 0,
      skipped: 10,
    });
    expect(summaryOf(results)).toBe('89 passed, 1 known to fail, 0 failed; 10 left out');
  });

  test('does not pass if a known case fails in another way', () => {
    const output =
      known('actual error contain 2 details; expecting 0\n\t; wanted 404') + totals(89, 0, 1);
    const results = readResults(output, true, expectations);
    expect(results).toMatchObject({ verdict: 'failed', failed: 1 });
    expect(results.surprises).toEqual(['Errors/HTTP:1/unary/too-large\n    wanted 404']);
  });

  test('does not pass if a case fails, or passes unexpectedly', () => {
    const failed = 'FAILED: Basic/success:\n\twanted 200\n';
    const better = 'FAILED: Errors/HTTP:1/unary/too-large was expected to fail but did not\n';
    for (const line of [failed, better]) {
      const results = readResults(line + totals(89, 1, 0), false, expectations);
      expect(results).toMatchObject({ verdict: 'failed', failed: 1 });
    }
  });

  test('asks for another run if only hung calls are wrong', () => {
    expect(readResults(hung + totals(50, 1, 0), false, expectations).verdict).toBe('hung');
    const both = `${hung}FAILED: Basic/other:\n\twanted 200\n${totals(50, 2, 0)}`;
    expect(readResults(both, false, expectations).verdict).toBe('failed');
  });

  test('does not pass without an end', () => {
    const results = readResults('Computed 100 test case permutation(s)', false, expectations);
    expect([results.verdict, summaryOf(results)]).toEqual(['failed', 'did not end in time']);
  });
});
