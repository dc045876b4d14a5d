import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { DiscardPolicy, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { freeze } from '../frozen-process.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { connectToServer } from '../../src/jetstream/connection.ts';
import type { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import type { PublishAck } from '../../src/jetstream/publish/publish-ack.ts';
import {
  createPublisher,
  type Publisher,
  type PublishToStream,
} from '../../src/jetstream/publish/publisher.ts';
import { headerBlock } from '../../src/jetstream/publish/raw-publish.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';

const subject = 'headgate.events.0.checkout.order_completed';

interface Answer {
  readonly ack: PublishAck | undefined;
  readonly code: PublishError['code'] | undefined;
  readonly afterMs: number;
}

const streams = new WeakMap<Publisher, PublishToStream>();

function streamOf(publisher: Publisher): PublishToStream {
  const send = streams.get(publisher) ?? publisher.openStream({ dedups: true });
  streams.set(publisher, send);
  return send;
}

function publish(publisher: Publisher, to: string, id: string, payload = '{}'): Promise<Answer> {
  const startedAt = performance.now();
  const headers = headerBlock(id === '' ? {} : { 'Nats-Msg-Id': id });
  const send = streamOf(publisher);
  return new Promise((resolve) =>
    send(to, headers, payload, (ack, error) =>
      resolve({ ack, code: error?.code, afterMs: performance.now() - startedAt }),
    ),
  );
}

async function turns(count: number): Promise<undefined> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

describe('the publisher on a real nats-server', () => {
  let real: RealLog;
  let connection: NatsConnection;
  let publisher: Publisher;
  let manager: JetStreamManager;

  beforeAll(async () => {
    real = await startRealLog();
    ({ manager } = clientsForTests(real.log));
    connection = await connectToServer({
      address: real.server.address,
      name: 'test',
      onStatus: () => {},
    });
    publisher = createPublisher(connection, { timeoutMs: 600 });
  });

  afterAll(async () => {
    publisher.close();
    await connection.close();
    await real[Symbol.asyncDispose]();
  });

  test('stores a message unchanged and acknowledges it with its sequence', async () => {
    const { ack } = await publish(publisher, subject, 'a:1', '{"größe":"😀"}');
    expect(ack?.duplicate).toBe(false);
    const message = await readMessage(real.log, 'EVENTS', ack!.sequence);
    expect(Buffer.from(message!.payload).toString()).toBe('{"größe":"😀"}');
    expect(message!.header('Nats-Msg-Id')).toBe('a:1');
  });

  test('reports a duplicate with the sequence of the first message', async () => {
    const first = await publish(publisher, subject, 'b:1');
    const second = await publish(publisher, subject, 'b:1', '{"other":1}');
    expect(second.ack).toEqual({ sequence: first.ack!.sequence, duplicate: true });
  });

  test('stores thousands of messages of one turn in order', async () => {
    const filler = 'x'.repeat(300);
    const answers = await Promise.all(
      Array.from({ length: 3000 }, (_, index) =>
        publish(publisher, subject, `c:${index}`, `{"${index}":"${filler}"}`),
      ),
    );
    const sequences = answers.map(({ ack }) => ack!.sequence);
    expect(sequences).toEqual(sequences.map((_, index) => sequences[0]! + index));
    expect(publisher.inFlight()).toBe(0);
  });

  test('reports a subject without a stream at once', async () => {
    const answer = await publish(publisher, 'no.stream', '');
    expect(answer.code).toBe('no_stream');
    expect(answer.afterMs).toBeLessThan(300);
  });

  test('reports a full stream, and a message that is too large for NATS', async () => {
    await manager.streams.add({
      name: 'TINY',
      subjects: ['tiny'],
      discard: DiscardPolicy.New,
      max_bytes: 2000,
    });
    const payload = 'x'.repeat(900);
    const answers = await Promise.all([1, 2, 3].map(() => publish(publisher, 'tiny', '', payload)));
    expect(answers.map(({ code }) => code)).toEqual([undefined, undefined, 'stream_full']);
    const huge = 'x'.repeat(connection.info!.max_payload + 1);
    const [large, small] = await Promise.all([
      publish(publisher, subject, '', huge),
      publish(publisher, subject, 'd:1'),
    ]);
    expect(large.code).toBe('too_large');
    expect(small.code).toBeUndefined();
  });

  test('gives up on a server that does not answer', async () => {
    const processId = real.server.processId()!;
    await freeze(processId);
    try {
      const answer = await publish(publisher, subject, 'e:1');
      expect(answer.code).toBe('timeout');
      expect(answer.afterMs).toBeGreaterThan(590);
      expect(answer.afterMs).toBeLessThan(1500);
    } finally {
      process.kill(processId, 'SIGCONT');
    }
    // The late acknowledgement is ignored. The message was stored, so a retry is a duplicate.
    await vi.waitFor(async () => {
      expect((await publish(publisher, subject, 'e:1')).ack?.duplicate).toBe(true);
    });
  });

  test('fails at once while the server is down', async () => {
    const { port } = new URL(`nats://${real.server.address.servers[0]}`);
    await freeze(real.server.processId()!);
    const waiting = Promise.all([
      publish(publisher, subject, 'f:1'),
      publish(publisher, subject, 'f:2'),
    ]);
    await sleep(50);
    real.killServer();
    for (const { code, afterMs } of await waiting) {
      expect(code).toBe('disconnected');
      expect(afterMs).toBeLessThan(500);
    }
    // It fails within a few turns of the event loop, without waiting for a timer or an answer.
    const refused = await Promise.race([publish(publisher, subject, 'f:3'), turns(5)]);
    expect(refused?.code).toBe('disconnected');
    await vi.waitFor(
      async () => expect((await publish(publisher, subject, 'f:4')).code).toBeUndefined(),
      {
        timeout: 10_000,
      },
    );
    expect(connection.info!.port).toBe(Number(port));
  });

  test('fails messages in flight when it is closed, and all later ones', async () => {
    const own = createPublisher(connection, { timeoutMs: 5_000 });
    const waiting = publish(own, subject, 'g:1');
    own.close();
    expect((await waiting).code).toBe('closed');
    expect((await publish(own, subject, 'g:2')).code).toBe('closed');
  });
});

describe('the publisher of a user with few rights', () => {
  test('reports a missing permission instead of waiting', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'headgate-rights-'));
    const config = path.join(folder, 'server.conf');
    writeFileSync(
      config,
      `host: "127.0.0.1"\nport: -1\nports_file_dir: ${JSON.stringify(folder)}\n` +
        `jetstream { store_dir: ${JSON.stringify(folder)} }\n` +
        'authorization { users: [ { user: u, password: p, permissions: {' +
        ' publish: { deny: ["headgate.events.>"] } } } ] }\n',
    );
    const binary = await findServerBinary({
      named: undefined,
      searchPath: process.env['PATH'] ?? '',
    });
    const server = spawn(binary.path, ['--config', config], { stdio: 'ignore' });
    try {
      const port = await vi.waitFor(() => portIn(folder), { timeout: 10_000 });
      const address = { servers: [`127.0.0.1:${port}`], user: 'u', password: 'p' };
      const connection = await connectToServer({ address, name: 'test', onStatus: () => {} });
      const publisher = createPublisher(connection, { timeoutMs: 5_000 });
      const answer = await publish(publisher, subject, 'a:1');
      expect(answer.code).toBe('permission');
      expect(answer.afterMs).toBeLessThan(1_000);
      expect((await publish(publisher, 'no.stream', '')).code).toBe('no_stream');
      publisher.close();
      await connection.close();
    } finally {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    }
  });
});

function portIn(folder: string): number {
  const file = readdirSync(folder).find((name) => name.endsWith('.ports'));
  const { nats } = JSON.parse(readFileSync(path.join(folder, file!), 'utf8')) as { nats: string[] };
  return Number(new URL(nats[0]!).port);
}
