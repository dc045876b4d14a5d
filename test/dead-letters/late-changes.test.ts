import { describe, expect, test, vi } from 'vitest';

import type { DeadLetterQueue } from '../../src/dead-letters/queue.ts';
import { clientsForTests, withClients } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { PublishError, type PublishErrorCode } from '../../src/jetstream/publish/publish-error.ts';
import { deleteMessage, readMatching } from '../../src/jetstream/read/read.ts';
import { claimMs, type StreamName } from '../../src/jetstream/topology.ts';
import { readDead } from '../delivery/rig.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { makeSound, openQueue } from './dead-rig.ts';

/** What people do with a dead letter, and the stream that it is stored in. */
const acts = {
  replay: { stream: 'REPLAY', run: (queue: DeadLetterQueue) => queue.replay('crm:1') },
  discard: { stream: 'DEAD', run: (queue: DeadLetterQueue) => queue.discard('crm:1', 'a test') },
  fix: {
    stream: 'DEAD',
    run: (queue: DeadLetterQueue) =>
      queue.fix('crm:1', 0, {
        eventJson: '',
        edits: [{ path: '/user_id', valueJson: '"fixed"' }],
      }),
  },
} as const;
type Act = keyof typeof acts;

const pairs = (['replay', 'discard', 'fix'] as const).flatMap((first) =>
  (['replay', 'discard', 'fix'] as const)
    .filter((second) => second !== first)
    .map((second) => ({ first, second })),
);

/** The log, which fails to store the next message to a stream until `arrive` is called. */
function delaying(log: Log, stream: StreamName, code: PublishErrorCode = 'timeout') {
  let arrive: (() => Promise<unknown>) | undefined;
  const store: Log['store'] = async (...message) => {
    if (message[0] !== stream || arrive !== undefined) return log.store(...message);
    arrive = () => log.store(...message);
    throw new PublishError(code, 'a test');
  };
  return {
    log: withClients({ ...log, store }, clientsForTests(log)),
    arrive: async () => arrive!(),
  };
}

/** An entry whose first change has no answer yet, and a queue of another process. */
async function openDelayed(real: RealLog, first: Act, code?: PublishErrorCode) {
  await makeSound(real.log, 1);
  const { log, arrive } = delaying(real.log, acts[first].stream, code);
  const queue = await openQueue(log);
  await expect(acts[first].run(queue)).rejects.toMatchObject({ code: code ?? 'timeout' });
  return { queue, arrive, other: await openQueue(await real.open()) };
}

/** Each thing that there is of the event now. */
async function whatIsThere(log: Log): Promise<string[]> {
  const there = (await readDead(log)).map(({ event }) => `dead ${String(event!.userId)}`);
  for (const _ of await readDead(log, 'headgate.discarded.>')) there.push('discarded');
  for await (const _ of readMatching(log, 'REPLAY', '>')) there.push('replayed');
  return there;
}

const outcomes = { replay: 'replayed', discard: 'discarded', fix: 'dead fixed' };

describe.each(pairs)('while a $first has no answer', ({ first, second }) => {
  test(`a ${second} is refused, and the ${first} stands`, async () => {
    await using real = await startRealLog();
    const { queue, arrive, other } = await openDelayed(real, first);
    for (const one of [queue, other]) {
      await expect(acts[second].run(one)).rejects.toMatchObject({
        code: 'dead_letter_busy',
        message: expect.stringMatching(
          new RegExp(`^A ${first} of this dead letter at .+Z has no answer yet\\.`),
        ),
      });
    }
    await arrive();
    await acts[first].run(other);
    expect(await whatIsThere(real.log)).toEqual([outcomes[first]]);
  });
});

test.each(['replay', 'discard', 'fix'] as const)(
  'the same %s goes on at once, and is stored once',
  async (act) => {
    await using real = await startRealLog();
    const { arrive, other } = await openDelayed(real, act);
    await acts[act].run(other);
    await arrive();
    expect(await whatIsThere(real.log)).toEqual([outcomes[act]]);
  },
);

test('any change succeeds after one that the log has refused', async () => {
  await using real = await startRealLog();
  const { other } = await openDelayed(real, 'replay', 'stream_full');
  await other.discard('crm:1', 'a test');
  expect(await whatIsThere(real.log)).toEqual(['discarded']);
});

test('any change succeeds once the lock of one without an answer has expired', async () => {
  await using real = await startRealLog();
  const { other } = await openDelayed(real, 'replay');
  for await (const { sequence } of readMatching(real.log, 'CLAIMS', '>')) {
    await deleteMessage(real.log, 'CLAIMS', sequence);
  }
  await other.discard('crm:1', 'a test');
  expect(await whatIsThere(real.log)).toEqual(['discarded']);
});

test('the same change that fails for certain leaves the lock of the first', async () => {
  await using real = await startRealLog();
  const { arrive } = await openDelayed(real, 'replay');
  const { log } = delaying(real.log, 'REPLAY', 'stream_full');
  const other = await openQueue(log);
  await expect(other.replay('crm:1')).rejects.toMatchObject({ code: 'stream_full' });
  await expect(other.discard('crm:1', 'a test')).rejects.toMatchObject({
    code: 'dead_letter_busy',
  });
  await arrive();
  await other.replay('crm:1');
  expect(await whatIsThere(real.log)).toEqual(['replayed']);
});

test('a change that stood still until its lock may have expired stores nothing', async () => {
  await using real = await startRealLog();
  await makeSound(real.log, 1);
  const now = performance.now.bind(performance);
  let stoodStillMs = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + stoodStillMs);
  const store: Log['store'] = async (...message) => {
    const ack = await real.log.store(...message);
    if (message[0] === 'CLAIMS') stoodStillMs = claimMs;
    return ack;
  };
  try {
    const queue = await openQueue(withClients({ ...real.log, store }, clientsForTests(real.log)));
    await expect(queue.replay('crm:1')).rejects.toMatchObject({ code: 'dead_letter_busy' });
  } finally {
    clock.mockRestore();
  }
  expect(await whatIsThere(real.log)).toEqual(['dead u1']);
});
