import { expect, test } from 'vitest';

import { storeAsideCopy } from '../../src/jetstream/consume/aside/aside-copies.ts';
import { storeDelayedCopy } from '../../src/jetstream/consume/delayed-copies.ts';
import type { PulledMessage } from '../../src/jetstream/consume/pull.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import { readConfirmed } from '../../src/jetstream/integrity/confirmed-position.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import type { AuditedDestination } from '../../src/reconciliation/audit.ts';
import { createConfirmations } from '../../src/reconciliation/confirmations.ts';
import { zeroCounts } from '../../src/reconciliation/count-table.ts';
import { reconcile } from '../../src/reconciliation/reconcile.ts';
import {
  countMessages,
  destinationConfig,
  publishEvents,
  recording,
  settled,
  startWorker,
} from '../delivery/rig.ts';
import { countsNothing, withConsumers } from '../late-consumers.ts';
import { startRealLog } from '../real-log.ts';

const config = destinationConfig();

/** A destination that holds these events. */
const holding = (ids: readonly string[]): AuditedDestination => ({
  name: config.name,
  type: config.type,
  filter: config,
  async *stored() {
    for (const eventId of ids) yield { eventId, eventName: 'order_completed', timestamp: '' };
  },
});

/** Five events that the worker has settled, of which the third has a copy. */
async function settleFive(log: Log, stream: 'ASIDE' | 'RETRY'): Promise<readonly string[]> {
  const ids = await publishEvents(log, 5);
  const worker = await startWorker(log, recording());
  await settled(log);
  await worker.stop();
  const message = (await readMessage(log, 'EVENTS', 3))! as unknown as PulledMessage;
  const copy = { destination: 'crm', message, deliveries: 0, tries: 0 };
  if (stream === 'ASIDE') await storeAsideCopy(log, copy);
  else await storeDelayedCopy(log, { ...copy, stream: 'EVENTS', dueMs: 0, delayMs: 0 });
  return ids.filter((_id, at) => at !== 2);
}

/** The consumers of copies count none of them. */
const withLateCopies = (log: Log): Log =>
  withConsumers(log, (info) =>
    info.stream_name.startsWith('EVENTS') ? info : countsNothing(0)(info),
  );

test('nothing is confirmed, and nothing delivered again, while an event is aside', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const held = await settleFive(log, 'ASIDE');
  const found: unknown[] = [];
  const confirmations = createConfirmations({
    log: withLateCopies(log),
    onMissing: (_name, one) => found.push(one),
    onTrouble: (_name, error) => found.push(error),
    secondLookMs: 1,
  });
  await confirmations.begin({ ...holding(held), isRunning: () => true });
  const [part] = partsOf(log, 'EVENTS');
  const before = await readConfirmed(log, part!, 'crm');
  await publishEvents(log, 1);
  const worker = await startWorker(log, recording());
  await settled(log);
  await worker.stop();
  await confirmations.run();
  await confirmations.run();
  await confirmations.stop();
  expect(found).toEqual([]);
  expect(await readConfirmed(log, part!, 'crm')).toEqual(before);
  expect(await countMessages(log, 'REPLAY')).toBe(0);
});

test.each(['ASIDE', 'RETRY'] as const)(
  'a copy in %s waits, whatever its consumer counts',
  async (stream) => {
    await using real = await startRealLog();
    const { log } = real;
    const held = await settleFive(log, stream);
    const destinations = [holding(held)];
    const report = await reconcile({
      log: withLateCopies(log),
      destinations,
      sinceMs: 0,
      segmentEventsMax: 7,
      secondLookMs: 1,
    });
    expect(report.missing).toEqual([]);
    expect(report.rows.map(({ counts }) => counts[0])).toEqual([
      { ...zeroCounts(), delivered: 4, waiting: 1 },
    ]);
  },
);
