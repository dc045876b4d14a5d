import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { deleteMessage } from '../../src/jetstream/read/read.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { createDiscard } from '../../src/quarantine/discard.ts';
import { createInTurn } from '../../src/quarantine/in-turn.ts';
import { createRejectedEvents, type RejectedEvents } from '../../src/quarantine/rejected-events.ts';
import { createReplayMarks, type ReplayMarks } from '../../src/quarantine/replay-marks.ts';
import { startRealLog } from '../real-log.ts';
import { everything } from './claims-rig.ts';

const stored = { status: 'accepted', storedSequence: 7, error: undefined } as const;
async function reject(log: Log): Promise<number> {
  const subject = subjects.rejected('shop', 'order_completed');
  return (await log.store('REJECTED', subject, {}, '{}')).sequence;
}

function rejectedOf(log: Log, marks: ReplayMarks): RejectedEvents {
  const decode = (): never => {
    throw new Error('not decoded here');
  };
  return createRejectedEvents(log, marks, decode, ({ eventName }) => ({ eventName }));
}

/** Calls `meanwhile` when a reading of the notes that has them is about to end. */
function whileReading(log: Log, meanwhile: () => Promise<void>): void {
  const { streams } = clientsForTests(log).manager;
  const info = streams.info.bind(streams);
  streams.info = async (name, options) => {
    const answer = await info(name, options);
    streams.info = info;
    await meanwhile();
    return answer;
  };
}

test('a discard sees the note of a replay that ended while a list was being read', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const [first, second] = [await reject(log), await reject(log)];
  const marks = createReplayMarks(log);
  const other = createReplayMarks(await real.open());
  let next: Promise<void> | undefined;
  whileReading(log, async () => {
    await marks.write(new Map([[first, stored]]));
    expect(marks.isSettled(first)).toBe(true);
    await other.write(new Map([[second, stored]]));
    next = marks.refresh();
  });
  await marks.refresh();
  await next;
  expect([marks.isSettled(first), marks.isSettled(second)]).toEqual([true, true]);
});

test('an event that another process settles before the note of a discard stays as it is', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const other = createReplayMarks(await real.open());
  const sequences = [await reject(log), await reject(log), await reject(log)];
  const marks = createReplayMarks(log);
  const rejected = rejectedOf(log, marks);
  // After the look of the discard, and before its note.
  let settleElsewhere = async (): Promise<void> => {};
  const slow: ReplayMarks = {
    ...marks,
    discard: async (...discarded) => {
      await settleElsewhere();
      return marks.discard(...discarded);
    },
  };
  const discard = createDiscard({ rejected, marks: slow, inTurn: createInTurn() });
  const request = { why: 'a test', dryRun: false };

  settleElsewhere = () => other.write(new Map([[sequences[0]!, stored]]));
  const found = (await rejected.get(sequences[0]!))!;
  await expect(discard.one(found, request)).rejects.toMatchObject({
    code: 'rejected_settled',
    message: `Event ${sequences[0]} is stored: 7 in EVENTS.`,
  });
  settleElsewhere = async () => {
    await other.discard([sequences[1]!], 'theirs');
  };
  const page = await discard.page(everything, 10, '', request);
  expect(page.items.map(({ entry }) => entry.sequence)).toEqual([sequences[2]]);
  const after = await rejectedOf(real.log, createReplayMarks(log)).page(everything, 10, '');
  expect(after.items.map(({ replay, discard: one }) => replay?.status ?? one?.why)).toEqual([
    'accepted',
    'theirs',
    'a test',
  ]);
});

test('an event is discarded although the newest note was deleted', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const sequences = [await reject(log), await reject(log), await reject(log)];
  const marks = createReplayMarks(log);
  for (const sequence of sequences.slice(0, 2)) await marks.discard([sequence], 'old');
  await deleteMessage(log, 'REJECTED', 5);
  expect(await marks.discard([sequences[2]!], 'new')).toEqual([]);
  expect(await marks.find(sequences[2]!)).toMatchObject({ status: 'discarded', why: 'new' });
  expect(await marks.discard([sequences[2]!], 'again')).toEqual([sequences[2]]);
});

test('discards of two processes at once: each event has one', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const sequences: number[] = [];
  for (let count = 0; count < 20; count += 1) sequences.push(await reject(log));
  const [one, other] = [createReplayMarks(log), createReplayMarks(await real.open())];
  for (const sequence of sequences) {
    const left = await Promise.all([
      one.discard([sequence], 'one'),
      other.discard([sequence], 'other'),
    ]);
    expect(left.flat()).toEqual([sequence]);
  }
});
