import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createCallerSignals } from './caller-signals.ts';
import type { Logger } from './logger.ts';
import { createMetrics } from './metrics.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a line a minute for each budget names the caller with the most requests', () => {
  const lines: object[] = [];
  const logger = { warn: (fields: object) => void lines.push(fields) } as unknown as Logger;
  const metrics = createMetrics({ sources: [], eventNames: [], destinations: [] });
  const { callerLimited } = createCallerSignals(metrics, logger);
  callerLimited('connections', '192.0.2.1');
  for (let count = 0; count < 3; count += 1) callerLimited('connections', '192.0.2.2');
  callerLimited('keyless_turn', '192.0.2.3');
  vi.advanceTimersByTime(2_000);
  const connections = { limit: 'connections', caller: '192.0.2.2', requests: 3, ofRequests: 4 };
  const turns = { limit: 'keyless_turn', caller: '192.0.2.3', requests: 1, ofRequests: 1 };
  expect(lines).toEqual([connections, turns]);
  callerLimited('connections', '192.0.2.1');
  vi.advanceTimersByTime(59_000);
  expect(lines).toHaveLength(2);
  vi.advanceTimersByTime(1_000);
  expect(lines.slice(2)).toEqual([
    { limit: 'connections', caller: '192.0.2.1', requests: 1, ofRequests: 1 },
  ]);
  expect(metrics.callersLimited.series('connections').value).toBe(5);
});

test('wrong tokens have a line a minute, and other refusals are only counted', () => {
  const lines: object[] = [];
  const logger = { warn: (fields: object) => void lines.push(fields) } as unknown as Logger;
  const metrics = createMetrics({ sources: [], eventNames: [], destinations: [] });
  const { operatorRefused } = createCallerSignals(metrics, logger);
  operatorRefused('no_token', '192.0.2.1');
  operatorRefused('role', '192.0.2.1');
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([]);
  for (let count = 0; count < 500; count += 1) operatorRefused('wrong_token', '192.0.2.2');
  vi.advanceTimersByTime(2_000);
  expect(lines).toEqual([{ caller: '192.0.2.2', requests: 500, ofRequests: 500 }]);
  operatorRefused('wrong_token', '192.0.2.3');
  vi.advanceTimersByTime(59_999);
  expect(lines).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(lines).toHaveLength(2);
  const counts = (['no_token', 'wrong_token', 'role'] as const).map(
    (reason) => metrics.operatorRefused.series(reason).value,
  );
  expect(counts).toEqual([1, 501, 1]);
});
