import { afterEach, expect, test, vi } from 'vitest';

import { createCanarySignals, type CanaryMetrics } from './canary-metrics.ts';
import type { Logger } from './logger.ts';

afterEach(() => void vi.useRealTimers());

test.each([86_400_000, -86_400_000])(
  'a step of %d ms neither hides nor makes a late heartbeat',
  (ms) => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const lines: string[] = [];
    const write = (_fields: object | string, text?: string): void =>
      void lines.push(text ?? 'again');
    const canary = { intervalMs: 0, arrivedSentAtMs: 0, newestAt: 0 };
    const metrics = { canary, count: () => {}, observe: () => {} } as unknown as CanaryMetrics;
    const signals = createCanarySignals(metrics, {
      error: write,
      warn: write,
    } as unknown as Logger);
    signals.canaryStarted(1_000);
    vi.setSystemTime(Date.now() + ms);
    signals.canarySent();
    expect(lines).toEqual([]);
    // The gauge follows the clock back, or the alert would be silent until the clock catches up.
    vi.advanceTimersByTime(1_000);
    signals.canaryArrived(Date.now() - 5, 0.005);
    expect(canary.arrivedSentAtMs).toBe(Date.now() - 5);
    vi.advanceTimersByTime(3_000);
    signals.canarySent();
    expect(lines).toEqual(['the heartbeat does not come through']);
  },
);
