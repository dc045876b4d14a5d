import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createReadiness } from './readiness.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('requests within a second share one probe', async () => {
  let probes = 0;
  const readiness = createReadiness(
    async () => {
      probes += 1;
      if (probes > 1) throw new Error('the log is full');
    },
    () => 'a notice\n',
  );
  const ready = { status: 200, text: 'ready\na notice\n' };
  expect(await Promise.all([readiness(), readiness()])).toEqual([ready, ready]);
  vi.advanceTimersByTime(1_000);
  expect(await readiness()).toEqual(ready);
  expect(probes).toBe(1);
  vi.advanceTimersByTime(1);
  expect(await readiness()).toEqual({
    status: 503,
    text: 'not ready: the log is full\na notice\n',
  });
});
