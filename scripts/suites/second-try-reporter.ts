import type { Reporter, TestCase } from 'vitest/node';

/** Names each test that passed only when tried again: it has a race, in it or in what it tests. */
export default class SecondTryReporter implements Reporter {
  private readonly names: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky !== true) return;
    this.names.push(`${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestRunEnd(): void {
    for (const name of this.names) console.log(`passed at the second try only: ${name}`);
  }
}
