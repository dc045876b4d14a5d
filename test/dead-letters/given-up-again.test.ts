import { expect, test } from 'vitest';

import { createDeadLetterWriter } from '../../src/dead-letters/write-dead-letter.ts';
import { deleteDestinationConsumers } from '../../src/jetstream/consume/destination-consumer.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { deleteMessage, readMessage } from '../../src/jetstream/read/read.ts';
import {
  createTestSignals,
  makeDead,
  readDead,
  recording,
  settled,
  startWorker,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { makeSound, openQueue } from './dead-rig.ts';

/** As the worker of `crm` does whose acknowledgement of the event was lost. */
async function giveUpAgain(log: Log, sequence: number): Promise<void> {
  const { signals } = createTestSignals();
  const message = (await readMessage(log, 'EVENTS', sequence))!;
  const write = createDeadLetterWriter({ log, signals });
  await write({ destination: 'crm', stream: 'EVENTS', message, reason: 'once more' });
}

async function idsOf(log: Log): Promise<string[]> {
  return (await readDead(log)).map(({ id }) => id);
}

const edit = { eventJson: '', edits: [{ path: '/user_id', valueJson: '"fixed"' }] };

test.each([
  { what: 'discarded', left: [] },
  { what: 'fixed', left: ['crm:1'] },
  { what: 'fixed and discarded', left: [] },
  { what: 'replayed, and waits for its delivery', left: [] },
])('an event whose dead letter was $what gets no second one', async ({ what, left }) => {
  await using real = await startRealLog();
  const { log } = real;
  await makeSound(log, 1);
  const queue = await openQueue(log);
  if (what.startsWith('fixed')) await queue.fix('crm:1', 0, edit);
  if (what.endsWith('discarded')) await queue.discard('crm:1', 'not wanted');
  if (what.startsWith('replayed')) await queue.replay('crm:1');
  await giveUpAgain(log, 1);
  await giveUpAgain(log, 1);
  expect(await idsOf(log)).toEqual(left);
});

test('an event whose dead letter was replayed and delivered gets no second one', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await makeDead(log, 2);
  const queue = await openQueue(log);
  const [older, replayed] = await idsOf(log);
  const position = await queue.replay(replayed!);
  const worker = await startWorker(log, recording());
  await settled(log, 'crm', 'REPLAY');
  await worker.stop();
  // As the cleanup does once it is delivered.
  await deleteMessage(log, 'REPLAY', position);
  await giveUpAgain(log, Number(replayed!.split(':')[1]));
  expect(await idsOf(log)).toEqual([older]);
});

test('after the destination was removed and added, the event gets one more, and no third one', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await makeDead(log, 1);
  const queue = await openQueue(log);
  await queue.discard('crm:1', 'not wanted');
  await deleteDestinationConsumers(log, 'crm');
  const worker = await startWorker(
    log,
    recording(() => ({ kind: 'dead', reason: 'refused again' })),
  );
  await settled(log);
  await worker.stop();
  expect(await idsOf(log)).toEqual(['crm:1:again-1']);
  await giveUpAgain(log, 1);
  expect(await idsOf(log)).toEqual(['crm:1:again-1']);
  await queue.discard('crm:1:again-1', 'nor this time');
  await giveUpAgain(log, 1);
  expect(await idsOf(log)).toEqual([]);
});
