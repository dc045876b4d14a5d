import { describe, expect, test } from 'vitest';

import { openDeadLetters, type DeadLetterQueue } from '../../src/dead-letters/queue.ts';
import { createEventFixer } from '../../src/gate/accept/fix-event.ts';
import { clientsForTests, withClients } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import type { StreamName } from '../../src/jetstream/topology.ts';
import { createValidation, loadRegistry } from '../../src/validation/validation.ts';
import { readDead } from '../delivery/rig.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { eventBytesMax, losing, makeSound, openQueue } from './dead-rig.ts';

const set = (value: string) => ({
  eventJson: '',
  edits: [{ path: '/user_id', valueJson: JSON.stringify(value) }],
});

const unanswered = { code: 'timeout' };
const changed = { code: 'dead_letter_changed' };
const unknown = { code: 'dead_letter_not_found' };

/** A queue whose next change of this kind is stored and fails, and a queue of another process. */
async function open(real: RealLog, lost: StreamName) {
  await makeSound(real.log, 2);
  const queue = await openQueue(losing(real.log, lost));
  const other = await openQueue(await real.open());
  // Both have read the entries.
  for (const one of [queue, other]) await one.get('crm:1');
  return { queue, other };
}

const usersDead = async (log: Log): Promise<unknown[]> =>
  (await readDead(log)).filter(({ id }) => id === 'crm:1').map(({ event }) => event!.userId);

async function usersReplayed(log: Log): Promise<unknown[]> {
  const users: unknown[] = [];
  for await (const { payload } of readMatching(log, 'REPLAY', '>')) {
    users.push(JSON.parse(Buffer.from(payload).toString()).userId);
  }
  return users;
}

const userOf = ({ eventJson }: { eventJson: string }): unknown =>
  (JSON.parse(eventJson) as { user_id: unknown }).user_id;

describe.each(['the same process', 'another process'])(
  'after an unanswered fix, in %s',
  (where) => {
    const next = (queues: { queue: DeadLetterQueue; other: DeadLetterQueue }): DeadLetterQueue =>
      where === 'the same process' ? queues.queue : queues.other;

    test.each([
      { what: 'any version', revision: 0, seen: false },
      { what: 'the version of before', revision: 1, seen: false },
      { what: 'any version, once the first was seen', revision: 0, seen: true },
    ])('a fix with other content of $what is refused, and the first is there', async (given) => {
      await using real = await startRealLog();
      const queues = await open(real, 'DEAD');
      await expect(queues.queue.fix('crm:1', 0, set('first'))).rejects.toMatchObject(unanswered);
      expect(await usersDead(real.log)).toEqual(['u1', 'first']);
      const queue = next(queues);
      if (given.seen) await queue.get('crm:1');
      await expect(queue.fix('crm:1', given.revision, set('second'))).rejects.toMatchObject(
        changed,
      );
      expect(await usersDead(real.log)).toEqual(['first']);
      const now = await queue.get('crm:1');
      expect(userOf(now)).toBe('first');
      expect(userOf(await queue.fix('crm:1', now.revision, set('second')))).toBe('second');
      expect(await usersDead(real.log)).toEqual(['second']);
    });

    test.each([false, true])(
      'the same fix succeeds, and is there once (seen: %s)',
      async (seen) => {
        await using real = await startRealLog();
        const queues = await open(real, 'DEAD');
        await expect(queues.queue.fix('crm:1', 1, set('first'))).rejects.toMatchObject(unanswered);
        const queue = next(queues);
        if (seen) await queue.get('crm:1');
        const fixed = await queue.fix('crm:1', 1, set('first'));
        expect([userOf(fixed), fixed.revision]).toEqual(['first', 3]);
        expect(await usersDead(real.log)).toEqual(['first']);
        // Its lock is free.
        await queue.replay('crm:1', 3);
        expect(await usersReplayed(real.log)).toEqual(['first']);
      },
    );

    test('a replay of the version of before is refused; of any version, it replays the fixed one', async () => {
      await using real = await startRealLog();
      const queues = await open(real, 'DEAD');
      await expect(queues.queue.fix('crm:1', 0, set('first'))).rejects.toMatchObject(unanswered);
      await expect(next(queues).replay('crm:1', 1)).rejects.toMatchObject(changed);
      expect(await usersReplayed(real.log)).toEqual([]);
      await next(queues).replay('crm:1');
      expect(await usersReplayed(real.log)).toEqual(['first']);
      expect(await usersDead(real.log)).toEqual([]);
    });

    test('a replay without a look replays the fixed one, and nothing else is left', async () => {
      await using real = await startRealLog();
      const queues = await open(real, 'DEAD');
      await expect(queues.queue.fix('crm:1', 0, set('first'))).rejects.toMatchObject(unanswered);
      await next(queues).replay('crm:1');
      expect(await usersReplayed(real.log)).toEqual(['first']);
      expect(await usersDead(real.log)).toEqual([]);
    });
  },
);

test('after an unanswered replay, the same succeeds, and a fix or a discard finds nothing', async () => {
  for (const next of ['replay', 'fix', 'discard'] as const) {
    await using real = await startRealLog();
    const { queue, other } = await open(real, 'REPLAY');
    await expect(queue.replay('crm:1')).rejects.toMatchObject(unanswered);
    const act = {
      replay: () => expect(other.replay('crm:1')).resolves.toBe(1),
      fix: () => expect(other.fix('crm:1', 0, set('late'))).rejects.toMatchObject(unknown),
      discard: () => expect(other.discard('crm:1', 'late')).rejects.toMatchObject(unknown),
    };
    await act[next]();
    expect(await usersDead(real.log)).toEqual([]);
    expect(await usersReplayed(real.log)).toEqual(['u1']);
    expect(await readDead(real.log, 'headgate.discarded.>')).toEqual([]);
  }
});

test('after an unanswered discard, the same succeeds, and a replay finds nothing', async () => {
  for (const next of ['discard', 'replay'] as const) {
    await using real = await startRealLog();
    const { queue, other } = await open(real, 'DEAD');
    await expect(queue.discard('crm:1', 'a test')).rejects.toMatchObject(unanswered);
    const act = {
      discard: () => expect(other.discard('crm:1', 'a test')).resolves.toBeUndefined(),
      replay: () => expect(other.replay('crm:1')).rejects.toMatchObject(unknown),
    };
    await act[next]();
    expect(await usersDead(real.log)).toEqual([]);
    expect(await usersReplayed(real.log)).toEqual([]);
    expect(await readDead(real.log, 'headgate.discarded.>')).toHaveLength(1);
  }
});

test('a fix that the log stores only after the next one has looked is not taken for it', async () => {
  await using real = await startRealLog();
  await makeSound(real.log, 1);
  const first = await openQueue(real.log);
  let busy: unknown;
  const store: Log['store'] = async (stream, ...message) => {
    if (stream === 'DEAD' && busy === undefined) {
      busy = await first.fix('crm:1', 0, set('first')).catch((error: unknown) => error);
      const [subject, headers, payload] = message;
      const text = Buffer.from(payload).toString().replace('second', 'first');
      await real.log.store(stream, subject, headers, text);
    }
    return real.log.store(stream, ...message);
  };
  const queue = await openQueue(withClients({ ...real.log, store }, clientsForTests(real.log)));
  await expect(queue.fix('crm:1', 0, set('second'))).rejects.toMatchObject(changed);
  expect(busy).toMatchObject({ code: 'dead_letter_busy' });
  expect(userOf(await queue.get('crm:1'))).toBe('first');
  await queue.replay('crm:1');
  expect(await usersReplayed(real.log)).toEqual(['first']);
  expect(await usersDead(real.log)).toEqual([]);
});

test('an event is replayed although REPLAY knows the id of another, of a lost stream DEAD', async () => {
  await using real = await startRealLog();
  await makeSound(real.log, 1);
  const headers = { 'Nats-Msg-Id': 'replay:crm:1', 'Headgate-Settles': '1' };
  const subject = 'headgate.replay.crm.order_completed';
  await real.log.store('REPLAY', subject, headers, '{"userId":"of the lost one"}');
  const queue = await openQueue(real.log);
  expect(await queue.replay('crm:1')).toBe(2);
  expect(await usersReplayed(real.log)).toEqual(['of the lost one', 'u1']);
});

test('a queue that was opened on a log with entries finds them, newer ones and their changes', async () => {
  await using real = await startRealLog();
  await makeSound(real.log, 3);
  const before = await openQueue(real.log);
  await before.fix('crm:2', 0, set('fixed'));
  await before.discard('crm:3', 'a test');
  const { validate } = createValidation(await loadRegistry('schemas'));
  const fixer = createEventFixer({ validate, eventBytesMax });
  const queue = await openDeadLetters(losing(real.log, 'REPLAY'), fixer);
  await makeSound(real.log, 1);
  expect(userOf(await queue.get('crm:1'))).toBe('u1');
  expect(userOf(await queue.get('crm:2'))).toBe('fixed');
  await expect(queue.get('crm:3')).rejects.toMatchObject(unknown);
  await expect(queue.replay('crm:4')).rejects.toMatchObject(unanswered);
  await expect(queue.fix('crm:4', 0, set('late'))).rejects.toMatchObject(unknown);
  expect((await readDead(real.log)).map(({ id }) => id).sort()).toEqual(['crm:1', 'crm:2']);
});

test('an entry that is read while its fix ends is found afterwards', async () => {
  await using real = await startRealLog();
  await makeSound(real.log, 1);
  const store: Log['store'] = async (stream, ...message) => {
    const ack = await real.log.store(stream, ...message);
    if (stream === 'DEAD') await queue.get('crm:1');
    return ack;
  };
  const queue = await openQueue(withClients({ ...real.log, store }, clientsForTests(real.log)));
  await queue.fix('crm:1', 0, set('first'));
  expect(userOf(await queue.get('crm:1'))).toBe('first');
});
