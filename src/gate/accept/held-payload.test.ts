import { setImmediate as nextTurn } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';

import { expect, test } from 'vitest';

import { encodeRequestPart } from '../../event/stored-event.ts';
import { requestClock } from '../../event/time/event-time.ts';
import { decodeBatchJson } from '../decode/decode-json.ts';
import { decideEvent } from './decide-event.ts';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

/** Several times: what other test files of this process have left is freed in steps. */
async function collectGarbage(): Promise<void> {
  for (let time = 0; time < 4; time += 1) {
    collect();
    await nextTurn();
  }
}

const clock = requestClock('2026-03-01T00:00:00.000Z', Date.UTC(2026, 2, 1), '', false);
const rules = {
  producer: { source: 'shop', maySend: () => true, isCanary: false },
  nameSent: <Event>(event: Event): Event => event,
  validate: () => ({ error: undefined, warnings: [], schemaVersion: 1, event: undefined }),
  eventBytesMax: 10_000,
  timestampMs: Date.UTC(2026, 2, 1),
  clock,
  requestPart: encodeRequestPart({ correlationId: 'c-1', traceparent: '', sentAt: '' }),
  batchContext: undefined,
};

const key = '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11';

/** Payloads of the events of a batch, as a gate holds them until they are acknowledged. */
function payloadsOf(events: number): string[] {
  const list = Array.from({ length: events }, (_, at) => ({
    event_name: 'order_completed',
    user_id: `user-${at}`,
    idempotency_key: key.slice(0, -4) + String(at).padStart(4, '0'),
    properties: { order_id: `A-${at}`, total: at, note: 'n'.repeat(200) },
    context: { page: '/checkout/done' },
  }));
  const batch = decodeBatchJson(Buffer.from(JSON.stringify({ events: list })), 'rest', events);
  return batch.events.map((event) => decideEvent(rules, event, 0).payload);
}

test('of an event that waits for its acknowledgement its text is held, and not the body that it is from', async () => {
  const held: string[] = [];
  await collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let batch = 0; batch < 100; batch += 1) held.push(...payloadsOf(100));
  await collectGarbage();
  const bytes = (process.memoryUsage().heapUsed - before) / held.length;
  expect(bytes).toBeGreaterThan(held[0]!.length * 0.9);
  expect(bytes).toBeLessThan(held[0]!.length * 1.4);
});
