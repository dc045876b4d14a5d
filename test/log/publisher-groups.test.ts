import { DiscardPolicy } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { startRealLog, type RealLog } from '../real-log.ts';
import { watchReplies } from './watch-replies.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { connectToServer } from '../../src/jetstream/connection.ts';
import type { GroupCommit } from '../../src/jetstream/publish/group-commit.ts';
import type { PublishAck } from '../../src/jetstream/publish/publish-ack.ts';
import type { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import { createPublisher, type PublishToStream } from '../../src/jetstream/publish/publisher.ts';
import { headerBlock } from '../../src/jetstream/publish/raw-publish.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';

const subject = 'headgate.events.0.checkout.order_completed';

type Answer = PublishAck | PublishError['code'];

function publish(send: PublishToStream, to: string, id: string, payload: string): Promise<Answer> {
  return new Promise((resolve) =>
    send(to, headerBlock({ 'Nats-Msg-Id': id }), payload, (ack, error) =>
      resolve(ack ?? error!.code),
    ),
  );
}

describe('messages of one turn, on a real nats-server', () => {
  let real: RealLog;
  let connection: NatsConnection;

  beforeAll(async () => {
    real = await startRealLog();
    connection = await connectToServer({
      address: real.server.address,
      name: 'test',
      onStatus: () => {},
    });
  });

  afterAll(async () => {
    await connection.close();
    await real[Symbol.asyncDispose]();
  });

  function open(options: { dedups?: boolean; retainedBytesMax?: number } = {}) {
    const { dedups = true, ...more } = options;
    const publisher = createPublisher(connection, { timeoutMs: 5_000, ...more });
    return { publisher, send: publisher.openStream({ dedups }) };
  }

  test('share a reply subject, and each gets its own sequence', async () => {
    const { publisher, send } = open();
    const { replies, stop } = watchReplies(connection);
    const ids = Array.from({ length: 100 }, (_, index) => `share:${index}`);
    const answers = await Promise.all(ids.map((id) => publish(send, subject, id, `"${id}"`)));
    stop();
    expect([replies.length, new Set(replies).size]).toEqual([100, 1]);
    for (const [index, id] of ids.entries()) {
      const { sequence } = answers[index] as PublishAck;
      const message = await readMessage(real.log, 'EVENTS', sequence);
      expect(Buffer.from(message!.payload).toString()).toBe(`"${id}"`);
    }
    expect(publisher.inFlight()).toBe(0);
    publisher.close();
  });

  test('report which of them are duplicates, of earlier messages and of each other', async () => {
    const { publisher, send } = open();
    const first = (await publish(send, subject, 'old:1', '1')) as PublishAck;
    const ids = ['new:1', 'old:1', 'new:2', 'new:3', 'new:2', 'new:4', 'new:2'];
    const answers = (await Promise.all(
      ids.map((id) => publish(send, subject, id, `"größe ${id}"`)),
    )) as PublishAck[];
    expect(answers.map(({ duplicate }) => duplicate)).toEqual([
      false,
      true,
      false,
      false,
      true,
      false,
      true,
    ]);
    expect(answers[1]!.sequence).toBe(first.sequence);
    expect(new Set([2, 4, 6].map((at) => answers[at]!.sequence)).size).toBe(1);
    for (const at of [0, 2, 3, 5]) {
      const message = await readMessage(real.log, 'EVENTS', answers[at]!.sequence);
      expect(message!.header('Nats-Msg-Id')).toBe(ids[at]);
    }
    const again = (await Promise.all(
      ids.map((id) => publish(send, subject, id, '2')),
    )) as PublishAck[];
    expect(again).toEqual(answers.map(({ sequence }) => ({ sequence, duplicate: true })));
    expect(publisher.inFlight()).toBe(0);
    publisher.close();
  });

  test('report one by one which of them a full stream has stored', async () => {
    await clientsForTests(real.log).manager.streams.add({
      name: 'SMALL',
      subjects: ['small'],
      discard: DiscardPolicy.New,
      max_msgs: 3,
    });
    const { publisher, send } = open();
    const payloads = Array.from({ length: 8 }, (_, index) => `"${index}"`);
    const answers = await Promise.all(
      payloads.map((payload, index) => publish(send, 'small', `small:${index}`, payload)),
    );
    const accepted = { duplicate: false };
    expect(answers).toEqual([
      { ...accepted, sequence: 1 },
      { ...accepted, sequence: 2 },
      { ...accepted, sequence: 3 },
      ...Array.from({ length: 5 }, () => 'stream_full'),
    ]);
    const { state } = await clientsForTests(real.log).manager.streams.info('SMALL');
    expect(state.messages).toBe(3);
    publisher.close();
  });

  test('are not reported as stored after a repeated acknowledgement', async () => {
    const { publisher, send } = open();
    const { replies, stop } = watchReplies(connection);
    const processId = real.server.processId()!;
    process.kill(processId, 'SIGSTOP');
    const waiting = Promise.all(
      ['a', 'b', 'c'].map((id) => publish(send, subject, `twice:${id}`, '1')),
    );
    await vi.waitFor(() => expect(replies.length).toBe(3));
    // Feed the connection before the server answers: the same sequence three times.
    const { protocol } = connection as unknown as {
      protocol: { parser: { parse(bytes: Uint8Array): void } };
    };
    const forged = `{"stream":"EVENTS", "seq":1}`;
    const line = `MSG ${replies[0]} 1 ${forged.length}\r\n${forged}\r\n`;
    protocol.parser.parse(Buffer.from(line.repeat(3)));
    process.kill(processId, 'SIGCONT');
    const answers = (await waiting) as PublishAck[];
    stop();
    const ids = await Promise.all(
      answers.map(async ({ sequence }) =>
        (await readMessage(real.log, 'EVENTS', sequence))!.header('Nats-Msg-Id'),
      ),
    );
    expect(ids).toEqual(['twice:a', 'twice:b', 'twice:c']);
    publisher.close();
  });

  test('settle each message once with the group commit, whatever becomes of it', async () => {
    let [sent, settled] = [0, 0];
    const commit: GroupCommit = {
      sent: () => void (sent += 1),
      settled: (count) => void (settled += count),
      join: (callback, ack) => callback(ack, undefined),
      syncEverything: () => Promise.resolve(),
      failure: () => undefined,
      close: () => {},
      counts: () => ({ commits: 0, joins: 0 }),
    };
    const publisher = createPublisher(connection, { timeoutMs: 5_000 });
    const send = publisher.openStream({ dedups: true, commit });
    const all = (ids: readonly string[], to = subject): Promise<Answer[]> =>
      Promise.all(ids.map((id) => publish(send, to, id, '1')));
    await all(['settled:1', 'settled:2']);
    // A duplicate among others: each is published again by itself.
    await all(['settled:2', 'settled:3']);
    expect(await all(['settled:4', 'settled:5'], 'without.a.stream')).toEqual([
      'no_stream',
      'no_stream',
    ]);
    const late = all(['settled:6', 'settled:7']);
    publisher.close();
    expect(await late).toEqual(['closed', 'closed']);
    expect([sent, settled]).toEqual([10, 10]);
  });

  test.each([
    ['if they have no message id', { dedups: true }, ''],
    ['if their stream does not dedup', { dedups: false }, 'x'],
    ['if too many bytes are kept already', { dedups: true, retainedBytesMax: 0 }, 'y'],
  ])('have a reply subject each %s', async (_name, options, id) => {
    const { publisher, send } = open(options);
    const { replies, stop } = watchReplies(connection);
    const headers = (index: number): string =>
      headerBlock(id === '' ? {} : { 'Nats-Msg-Id': `${id}:${index}` });
    await Promise.all(
      [1, 2, 3].map(
        (index) =>
          new Promise<void>((resolve, reject) =>
            send(subject, headers(index), '1', (ack, error) =>
              ack === undefined ? reject(error!) : resolve(),
            ),
          ),
      ),
    );
    stop();
    expect(new Set(replies).size).toBe(3);
    publisher.close();
  });

  test('share a reply subject again once fewer bytes are kept', async () => {
    const { publisher, send } = open({ retainedBytesMax: 1 });
    const { replies, stop } = watchReplies(connection);
    const three = (name: string) =>
      Promise.all([1, 2, 3].map((index) => publish(send, subject, `${name}:${index}`, '1')));
    const first = three('held-a');
    // Now the first three are written, and their acknowledgements are not read yet.
    await new Promise((resolve) => setImmediate(resolve));
    const second = three('held-b');
    await Promise.all([first, second]);
    await three('held-c');
    stop();
    expect(new Set(replies).size).toBe(1 + 3 + 1);
    publisher.close();
  });
});
