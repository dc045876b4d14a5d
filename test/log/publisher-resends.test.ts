import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { connectToServer } from '../../src/jetstream/connection.ts';
import type { PublishAck } from '../../src/jetstream/publish/publish-ack.ts';
import type { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import {
  createPublisher,
  type PublisherOptions,
  type PublishToStream,
} from '../../src/jetstream/publish/publisher.ts';
import { headerBlock } from '../../src/jetstream/publish/raw-publish.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { watchReplies } from './watch-replies.ts';

/*
 * A stream whose leader is gone answers nothing, and its next leader knows nothing of what was sent meanwhile.
 * Here a subscriber stands for both: it has the ids and sequences of a stream, and loses what a test says.
 */

let real: RealLog;
let connection: NatsConnection;
let far: NatsConnection;
beforeAll(async () => {
  real = await startRealLog();
  const connect = (): Promise<NatsConnection> =>
    connectToServer({ address: real.server.address, name: 'test', onStatus: () => {} });
  [connection, far] = await Promise.all([connect(), connect()]);
});
afterAll(async () => {
  await Promise.all([connection.close(), far.close()]);
  await real[Symbol.asyncDispose]();
});

interface FakeStream extends Disposable {
  readonly subject: string;
  /** The ids that came, in their order. */
  readonly came: string[];
  readonly stored: ReadonlyMap<string, number>;
}

let streams = 0;

/** `fate`: of a copy of a message. `unheard`: it is stored, and its answer lost. */
async function startStream(
  fate: (id: string, copy: number) => 'answered' | 'lost' | 'unheard',
): Promise<FakeStream> {
  const subject = `fake.${(streams += 1)}`;
  const came: string[] = [];
  const stored = new Map<string, number>();
  const answer = (_error: Error | null, message: Msg): void => {
    const id = message.headers!.get('Nats-Msg-Id');
    came.push(id);
    const copy = came.filter((each) => each === id).length;
    const what = fate(id, copy);
    if (what === 'lost') return;
    const known = stored.get(id);
    const sequence = known ?? stored.size + 1;
    stored.set(id, sequence);
    const end = known === undefined ? '' : ',"duplicate":true';
    if (what === 'answered') message.respond(`{"stream":"FAKE", "seq":${sequence}${end}}`);
  };
  const subscription = far.subscribe(subject, { callback: answer });
  await far.flush();
  return { subject, came, stored, [Symbol.dispose]: () => subscription.unsubscribe() };
}

type Answer = PublishAck | PublishError['code'];

function publish(send: PublishToStream, { subject }: FakeStream, id: string): Promise<Answer> {
  return new Promise((resolve) =>
    send(subject, headerBlock({ 'Nats-Msg-Id': id }), `"${id}"`, (ack, error) =>
      resolve(ack ?? error!.code),
    ),
  );
}

function open(options: Partial<PublisherOptions> = {}, dedups = true) {
  const publisher = createPublisher(connection, {
    timeoutMs: 5_000,
    resendWithinMs: 60_000,
    ...options,
  });
  return {
    publisher,
    send: publisher.openStream({ dedups }),
    [Symbol.dispose]: () => publisher.close(),
  };
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `id-${index}`);

test.each([1, 30])(
  '%d messages that no leader took are sent again after a second',
  async (count) => {
    using stream = await startStream((_id, copy) => (copy === 1 ? 'lost' : 'answered'));
    using opened = open();
    const startedAt = performance.now();
    const answers = await Promise.all(ids(count).map((id) => publish(opened.send, stream, id)));
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    const sequences = answers.map((answer) => (answer as PublishAck).sequence);
    expect(sequences).toEqual(ids(count).map((id) => stream.stored.get(id)));
    expect(opened.publisher.inFlight()).toBe(0);
  },
);

test.each([
  ['every third', 3],
  ['the first', 30],
])('each has its own sequence where %s of a turn was lost', async (_which, every) => {
  using stream = await startStream((id, copy) =>
    copy === 1 && Number(id.slice(3)) % every === 0 ? 'lost' : 'answered',
  );
  using opened = open();
  const answers = await Promise.all(ids(30).map((id) => publish(opened.send, stream, id)));
  const sequences = answers.map((answer) => (answer as PublishAck).sequence);
  expect(sequences).toEqual(ids(30).map((id) => stream.stored.get(id)));
  expect(stream.stored.size).toBe(30);
});

test('one that was stored and not answered is stored once, and is a duplicate', async () => {
  using stream = await startStream((_id, copy) => (copy === 1 ? 'unheard' : 'answered'));
  using opened = open();
  expect(await publish(opened.send, stream, 'id-0')).toEqual({ sequence: 1, duplicate: true });
  expect(stream.stored.size).toBe(1);
});

test('a message that was passed over is sent again though its stream answers all others', async () => {
  using stream = await startStream((id, copy) =>
    id === 'id-0' && copy === 1 ? 'lost' : 'answered',
  );
  using opened = open();
  const first = publish(opened.send, stream, 'id-0');
  let isAnswered = false;
  void first.then(() => (isAnswered = true));
  // Or they would share an answer.
  await new Promise(setImmediate);
  for (let number = 1; !isAnswered && number < 60; number += 1) {
    await publish(opened.send, stream, `id-${number}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(isAnswered).toBe(true);
  expect(await first).toMatchObject({ duplicate: false });
  expect(stream.came.filter((id) => id === 'id-0')).toHaveLength(2);
  expect(new Set(stream.came).size).toBe(stream.came.length - 1);
});

test('a stream that stays silent gets one message again each second, and nothing outlasts the timeout', async () => {
  using stream = await startStream(() => 'lost');
  using opened = open();
  const startedAt = performance.now();
  const answers = await Promise.all(ids(500).map((id) => publish(opened.send, stream, id)));
  expect(new Set(answers)).toEqual(new Set(['timeout']));
  expect(performance.now() - startedAt).toBeLessThan(6_500);
  const again = stream.came.slice(500);
  expect(again.length).toBeGreaterThan(2);
  expect(again.length).toBeLessThan(6);
  expect(new Set(again)).toEqual(new Set(['id-0']));
  // Those that asked fail later, and no caller waits for them.
  await expect.poll(opened.publisher.inFlight, { timeout: 8_000 }).toBe(0);
}, 20_000);

/** As a leader whose followers stand still: it has the messages, and answers copies of them at once. */
test.each([1, 30, 3_000])(
  'a stream that stands still for 1.5 s answers each of %d as stored by it, once',
  async (count) => {
    const subject = `fake.${(streams += 1)}`;
    const staged = new Map<string, Msg>();
    const known = new Map<string, number>();
    let isStill = true;
    const store = (message: Msg): void => {
      const id = message.headers!.get('Nats-Msg-Id');
      known.set(id, known.size + 1);
      message.respond(`{"stream":"FAKE", "seq":${known.size}}`);
    };
    let copies = 0;
    const subscription = far.subscribe(subject, {
      callback: (_error, message) => {
        const id = message.headers!.get('Nats-Msg-Id');
        const sequence = known.get(id);
        const isStaged = staged.has(id);
        if (sequence === undefined && !isStaged) {
          if (isStill) staged.set(id, message);
          else store(message);
          return;
        }
        copies += 1;
        const error = '{"error":{"code":400,"err_code":10158,"description":"in process"}}';
        message.respond(isStaged ? error : `{"stream":"FAKE","seq":${sequence},"duplicate":true}`);
      },
    });
    await far.flush();
    using opened = open();
    const startedAt = performance.now();
    setTimeout(() => {
      isStill = false;
      for (const message of staged.values()) store(message);
      staged.clear();
    }, 1_500);
    const answers = await Promise.all(
      ids(count).map((id) => publish(opened.send, { subject } as FakeStream, id)),
    );
    subscription.unsubscribe();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(answers).toEqual(
      ids(count).map((id) => ({ sequence: known.get(id), duplicate: false })),
    );
    expect(copies).toBeLessThan(4);
  },
);

test('the bytes of a block count once, and until all of its streams have answered', async () => {
  const count = 32;
  const subjects = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startStream(() => (index === 0 ? 'lost' : 'answered')),
    ),
  );
  const publisher = createPublisher(connection, { timeoutMs: 1_500, retainedBytesMax: 40_000 });
  const sends = subjects.map(() => publisher.openStream({ dedups: true }));
  const { replies, stop } = watchReplies(connection);
  // A stream that is silent keeps its blocks: more than 40 KB of them, and each message has a subject of its own.
  const answers: Promise<Answer>[] = [];
  for (let turn = 0; turn < 100; turn += 1) {
    for (const [index, send] of sends.entries()) {
      for (let each = 0; each < 2; each += 1) {
        answers.push(publish(send, subjects[index]!, `id-${turn}-${each}`));
      }
    }
    await new Promise(setImmediate);
  }
  const shared = replies.length - new Set(replies).size;
  stop();
  expect([shared > 0, shared < (100 * count) / 2]).toEqual([true, true]);
  await Promise.all(answers);
  expect(publisher.inFlight()).toBe(0);
  publisher.close();
  for (const each of subjects) each[Symbol.dispose]();
}, 15_000);

test.each([
  ['of a stream that does not recognize ids', {}, false],
  ['beside an embedded server', { resendWithinMs: undefined }, true],
  ['when its id may be forgotten', { resendWithinMs: 900 }, true],
  ['beyond the bytes that are kept', { retainedBytesMax: 0 }, true],
] as const)(
  'nothing is sent again %s',
  async (_what, options, dedups) => {
    using stream = await startStream((_id, copy) => (copy === 1 ? 'lost' : 'answered'));
    using opened = open({ timeoutMs: 2_500, ...options }, dedups);
    expect(await publish(opened.send, stream, 'id-0')).toBe('timeout');
    expect(stream.came).toEqual(['id-0']);
  },
  15_000,
);
