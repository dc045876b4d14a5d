import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { settlesHeader } from '../../src/dead-letters/dead-letter-entry.ts';
import type { DeadLetterQueue } from '../../src/dead-letters/queue.ts';
import { recover } from '../../src/dead-letters/recover.ts';
import { claimMs, subjects } from '../../src/jetstream/topology.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { countMessages, readDead, recording, startWorker, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import {
  asMessage,
  connectService,
  eventBytesMax,
  everything,
  makeSound,
  openQueue,
  soundProperties,
} from './dead-rig.ts';

const set = (path: string, value: unknown) => ({
  eventJson: '',
  edits: [{ path, valueJson: JSON.stringify(value) }],
});

describe('a fix', () => {
  test('replaces the event, keeps the original, and a replay delivers the new one', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const [id] = await makeSound(log, 1);
    const [first] = await readDead(log);
    const queue = await openQueue(log);
    const opened = await queue.get('crm:1');
    expect(opened.eventJson).toContain('"total": 12345678901234567890');
    const fixed = asMessage(
      await queue.fix('crm:1', opened.revision, set('/properties/order_id', 'A-2')),
    );
    expect(fixed).toMatchObject({
      deadLetter: {
        id: 'crm:1',
        reason: 'never',
        attempts: first!.attempts,
        event: {
          eventId: id,
          source: 'shop',
          schemaVersion: 2,
          traceparent: first!.event!.traceparent,
          timestamp: first!.event!.timestamp,
          idempotencyKey: id,
          properties: { order_id: 'A-2' },
        },
      },
    });
    expect(fixed.deadLetter.fixedAt).toBeDefined();
    expect(JSON.parse(fixed.deadLetter.originalEventJson)).toMatchObject({
      properties: { order_id: 'A-1' },
    });
    // A second fix keeps the original event, not the result of the first fix.
    await queue.fix('crm:1', 0, set('/user_id', 'u-9'));
    expect(await readDead(log)).toHaveLength(1);
    const twice = asMessage(await queue.get('crm:1'));
    expect(JSON.parse(twice.deadLetter.originalEventJson)).toMatchObject({
      properties: { order_id: 'A-1' },
      userId: 'u1',
    });

    await queue.replay('crm:1');
    expect(await readDead(log)).toEqual([]);
    const replayed: string[] = [];
    for await (const { payload } of readMatching(log, 'REPLAY', '>')) {
      replayed.push(Buffer.from(payload).toString());
    }
    expect(replayed).toHaveLength(1);
    expect(replayed[0]).toContain('"total":12345678901234567890');
    expect(JSON.parse(replayed[0]!)).toMatchObject({
      eventId: id,
      userId: 'u-9',
      properties: { order_id: 'A-2' },
    });
    const crm = recording();
    const worker = await startWorker(log, crm);
    await until(
      () => crm.seen.length,
      (length) => length === 1,
    );
    await worker.stop();
    expect(crm.seen).toMatchObject([{ eventId: id }]);
  });

  const bad = [
    ['breaks the schema', set('/properties/total', -1), /\/properties\/total/],
    ['has no one who did it', set('/user_id', ''), /user_id|anonymous_id/],
    ['has another name', set('/event_name', 'invoice_paid'), /event_name and idempotency_key stay/],
    ['has another key', set('/idempotency_key', 'x'), /event_name and idempotency_key stay/],
    ['writes what the server writes', set('/source', 'me'), /server/],
    ['has an unknown field', set('/colour', 'red'), /colour/],
    ['has no such version', set('/schema_version', 9), /version/],
    ['is at no place', set('properties', 1), /JSON pointer/],
    ['is the whole', set('', 1), /JSON pointer/],
    ['leads through a text', set('/user_id/x', 1), /leads through/],
    ['leads through a number', set('/properties/total/rawJSON', 1), /leads through/],
    [
      'is not JSON',
      { eventJson: '', edits: [{ path: '/user_id', valueJson: '{' }] },
      /The value for \/user_id is not JSON/,
    ],
    ['is no event', { eventJson: '[]', edits: [] }, /object/],
    ['is no text of JSON', { eventJson: '{', edits: [] }, /not JSON/],
    ['is too large', set('/context', { page: 'x'.repeat(eventBytesMax) }), /the limit is 4096/],
    ['is half a character', set('/user_id', '\ud800'), /surrogate/],
  ] as const;

  test('that breaks the contract changes nothing, and returns the reason', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 1);
    const queue = await openQueue(log);
    const before = await queue.get('crm:1');
    for (const [, edit, sentence] of bad) {
      await expect(queue.fix('crm:1', 0, edit)).rejects.toMatchObject({
        code: 'invalid_edit',
        message: expect.stringMatching(sentence) as string,
      });
      expect(await queue.get('crm:1')).toEqual(before);
    }
    // The entry no longer exists.
    await queue.fix(
      'crm:1',
      before.revision,
      set('/properties/items', [{ sku: 'a', quantity: 1 }]),
    );
    await queue.fix('crm:1', 0, set('/properties/items/-', { sku: 'b', quantity: 1 }));
    expect(JSON.parse((await queue.get('crm:1')).eventJson)).toMatchObject({
      properties: { items: [{ sku: 'a' }, { sku: 'b' }] },
    });
  });

  test('of an undecodable event is refused, and the entry can still be discarded', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await log.store('EVENTS', 'headgate.events.0.shop.order_completed', {}, 'no JSON');
    await log.store('EVENTS', 'headgate.events.0.shop.order_completed', {}, '{"no":"event"}');
    await makeSound(log, 0);
    const queue = await openQueue(log);
    for (const id of ['crm:1', 'crm:2']) {
      expect(await queue.get(id)).toMatchObject({ eventJson: '' });
      await expect(queue.fix(id, 0, set('/user_id', 'u'))).rejects.toMatchObject({
        code: 'invalid_edit',
      });
      await queue.discard(id, 'no event');
    }
    expect(await readDead(log)).toEqual([]);
  });
});

describe('several operators', () => {
  test('at one dead letter: one changes it, the others get an error', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 20);
    const operators: DeadLetterQueue[] = [
      await openQueue(log),
      await openQueue(log),
      await openQueue(await real.open()),
    ];
    let settled = 0;
    for (let sequence = 1; sequence <= 20; sequence += 1) {
      const id = `crm:${sequence}`;
      const results = await Promise.allSettled([
        operators[sequence % 3]!.replay(id),
        operators[(sequence + 1) % 3]!.discard(id, 'a test'),
        operators[(sequence + 2) % 3]!.replay(id),
      ]);
      const done = results.filter(({ status }) => status === 'fulfilled');
      expect(done).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'fulfilled') continue;
        expect(result.reason).toMatchObject({
          code: expect.stringMatching(/^dead_letter_(busy|not_found)$/) as string,
        });
      }
      settled += done.length;
    }
    const discarded = await readDead(log, 'headgate.discarded.>');
    expect((await countMessages(log, 'REPLAY')) + discarded.length).toBe(settled);
    expect(await readDead(log)).toEqual([]);
  });

  test('refuses a fix of an entry that another caller has fixed meanwhile', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 1);
    const [one, other] = [await openQueue(log), await openQueue(await real.open())];
    const { revision } = await one.get('crm:1');
    await other.fix('crm:1', revision, set('/user_id', 'theirs'));
    await expect(one.fix('crm:1', revision, set('/user_id', 'mine'))).rejects.toMatchObject({
      code: 'dead_letter_changed',
    });
    const now = await one.get('crm:1');
    expect(JSON.parse(now.eventJson)).toMatchObject({ user_id: 'theirs' });
    await one.fix('crm:1', now.revision, set('/user_id', 'mine'));
  });

  test('refuses to replay or discard an entry that is not the one that was read', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 1);
    const queue = await openQueue(log);
    const service = connectService(queue);
    const { revision } = await service.getDeadLetter({ id: 'crm:1' });
    await queue.fix('crm:1', 0, set('/user_id', 'theirs'));
    const request = { id: 'crm:1', revision, why: 'a test' };
    await expect(service.replayDeadLetter(request)).rejects.toThrow(/has changed since/);
    await expect(service.discardDeadLetter(request)).rejects.toThrow(/has changed since/);
    const now = await service.getDeadLetter({ id: 'crm:1' });
    await service.replayDeadLetter({ id: 'crm:1', revision: now.revision });
    expect(await readDead(log)).toEqual([]);
  });

  test('a lock that a crash has left expires, and is reported until then', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 1);
    const queue = await openQueue(log);
    await log.store('CLAIMS', subjects.claim(1), {}, '');
    await expect(queue.replay('crm:1')).rejects.toMatchObject({ code: 'dead_letter_busy' });
    const { config } = await clientsForTests(log).manager.streams.info('CLAIMS');
    expect(config.max_age).toBe(claimMs * 1_000_000);
    await clientsForTests(log).manager.streams.update('CLAIMS', {
      ...config,
      max_age: 1_000_000_000,
    });
    await until(
      () => countMessages(log, 'CLAIMS'),
      (count) => count === 0,
    );
    await queue.replay('crm:1');
  });
});

describe('a change that a crash has interrupted', () => {
  test('is completed at the start, without duplicates', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 5);
    const entries: { payload: Uint8Array; subject: string }[] = [];
    for await (const message of readMatching(log, 'DEAD', 'headgate.dead.>')) entries.push(message);
    const queue = await openQueue(log);
    await queue.replay('crm:1');
    await queue.fix('crm:2', 0, set('/user_id', 'fixed'));
    await queue.discard('crm:3', 'a test');
    const kept = await countMessages(log, 'DEAD');
    // The state before the last step, the deletion: written again under the old ids.
    const steps: (readonly [string, string, number])[] = [];
    for (const stream of ['REPLAY', 'DEAD'] as const) {
      for await (const message of readMatching(log, stream, 'headgate.>')) {
        const settled = message.header(settlesHeader);
        if (settled !== '') steps.push([stream, message.subject, Number(settled)]);
      }
    }
    expect(steps.map(([stream, , settled]) => [stream, settled])).toEqual([
      ['REPLAY', 1],
      ['DEAD', 2],
      ['DEAD', 3],
    ]);
    await log.store(
      'REPLAY',
      'headgate.replay.crm.order_completed',
      {
        [settlesHeader]: '4',
        'Headgate-Origin-Sequence': '4',
      },
      'the replay of crm:4, of which the deletion is missing',
    );
    await recover(log);
    expect(await countMessages(log, 'DEAD')).toBe(kept - 1);
    expect((await readDead(log)).map(({ id }) => id).sort()).toEqual(['crm:2', 'crm:5']);
  });

  test('keeps an entry that is not the settled one', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await log.store(
      'REPLAY',
      'headgate.replay.crm.order_completed',
      {
        [settlesHeader]: '1',
        'Headgate-Origin-Sequence': '1',
      },
      'older than the entry: of a stream DEAD that was made anew',
    );
    await makeSound(log, 1);
    await log.store(
      'REPLAY',
      'headgate.replay.crm.order_completed',
      {
        [settlesHeader]: '1',
        'Headgate-Origin-Sequence': '7',
      },
      'of another event',
    );
    await log.store(
      'REPLAY',
      'headgate.replay.warehouse.order_completed',
      {
        [settlesHeader]: '1',
        'Headgate-Origin-Sequence': '1',
      },
      'of another destination',
    );
    await recover(log);
    expect((await readDead(log)).map(({ id }) => id)).toContain('crm:1');
  });
});

describe('a walk in pages', () => {
  test('sees the entries that existed at its first page, whatever changes meanwhile', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 6);
    const queue = await openQueue(log);
    const first = await queue.list(everything, 2, '');
    await queue.replay('crm:3');
    await makeSound(log, 3, { reason: 'later' });
    const ids = first.deadLetters.map(({ id }) => id);
    for (let token = first.nextPageToken; token !== '';) {
      const page = await queue.list(everything, 2, token);
      ids.push(...page.deadLetters.map(({ id }) => id));
      token = page.nextPageToken;
    }
    expect(ids.sort()).toEqual(['crm:1', 'crm:2', 'crm:4', 'crm:5', 'crm:6']);
  });

  test('ends a page early if entries are large', async () => {
    await using real = await startRealLog({ storageBytesMax: 1024 * 1024 * 1024 });
    const { log } = real;
    const properties = soundProperties.replace('A-1', 'x'.repeat(900_000));
    await makeSound(log, 25, { properties });
    const queue = await openQueue(log);
    const sizes: number[] = [];
    let token = '';
    do {
      const page = await queue.list(everything, 1_000, token);
      sizes.push(page.deadLetters.length);
      token = page.nextPageToken;
    } while (token !== '');
    expect(sizes).toHaveLength(2);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(25);
    expect(await queue.count(everything, '')).toMatchObject({ count: sizes[0] });
  });
});
