import { expect, onTestFinished, test, vi } from 'vitest';

import { createTally } from './tally.ts';

/** What it prints on standard output. */
function printed(bytes: number | undefined): string {
  let text = '';
  const write = (chunk: unknown): boolean => {
    text += String(chunk);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(write),
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true),
  ];
  onTestFinished(() => spies.forEach((spy) => spy.mockRestore()));
  const tally = createTally();
  tally.add('2026-03-01', 'order_completed', 2, bytes);
  tally.print(false);
  return text;
}

test('bytes have a column only if they are known', () => {
  expect(printed(undefined)).toBe('day\tevent\tevents\n2026-03-01\torder_completed\t2\n');
  expect(printed(7)).toBe('day\tevent\tevents\tbytes\n2026-03-01\torder_completed\t2\t7\n');
});
