import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { credsAuthenticator, nkeys } from '@nats-io/nats-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createNatsDestination } from '../../src/destinations/nats/nats.ts';
import type { DestinationSettings, Outcome } from '../../src/destinations/destination.ts';
import { deliverAll, deliveryOfEvent, storedEvent } from './deliveries.ts';
import { natsSettings, readStream } from './nats-far-side.ts';
import { startOperatorsNats, type OperatorsNats } from './nats-server.ts';

const password = 'p4ssword-of-the-gate';
const accounts = `
max_payload: 200KB
authorization {
  users: [
    { user: test, password: "t" }
    { user: gate, password: "${password}", permissions: { publish: "events.>", subscribe: "_INBOX.>" } }
  ]
}`;

let server: OperatorsNats;
beforeAll(async () => {
  server = await startOperatorsNats(accounts, { user: 'test', pass: 't' });
  await server.manager.streams.add({ name: 'EVENTS_OUT', subjects: ['events.>'] });
});
afterAll(() => server[Symbol.asyncDispose]());

const login = { user: 'gate', password };

async function deliver(
  more: DestinationSettings,
  ...events: Parameters<typeof deliveryOfEvent>[0][]
): Promise<Outcome[]> {
  const destination = createNatsDestination('out', natsSettings(server.port, more));
  try {
    return await deliverAll(
      destination,
      events.map((event) => deliveryOfEvent(event)),
    );
  } finally {
    await destination.close();
  }
}

test('a message is the stored event byte for byte, under its subject, with an id in Nats-Msg-Id', async () => {
  const event = storedEvent({
    eventName: 'a.b > *é',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  });
  const subject = 'events.{event_name}.{source}';
  expect(await deliver({ ...login, subject }, event)).toEqual([{ kind: 'delivered' }]);
  const message = (await readStream(server, 'EVENTS_OUT')).at(-1)!;
  expect(message.subject).toBe('events.a%2Eb%20%3E%20%2A%C3%A9.checkout');
  expect(Buffer.from(message.data).toString()).toBe(JSON.stringify(event));
  const headers = Object.fromEntries([...message.header].map(([key, [value]]) => [key, value]));
  // An event name that a header cannot carry is in the payload alone.
  expect(headers).toEqual({
    'Nats-Msg-Id': `out:${event.eventId}`,
    event_id: event.eventId,
    source: event.source,
    correlation_id: event.correlationId,
    traceparent: event.traceparent,
  });
});

test('two destinations of one stream: it has the message of each, and drops second copies', async () => {
  await server.manager.streams.add({ name: 'BOTH', subjects: ['raw.>', 'ce.>'] });
  const delivery = deliveryOfEvent({ eventName: 'order_completed' });
  const publish = async (name: string, more: DestinationSettings = {}): Promise<Outcome[]> => {
    const settings = { user: 'test', password: 't', subject: `${name}.{event_name}`, ...more };
    const destination = createNatsDestination(name, natsSettings(server.port, settings));
    const outcomes = await deliverAll(destination, [delivery]);
    await destination.close();
    return outcomes;
  };
  const subjects = async () => (await readStream(server, 'BOTH')).map(({ subject }) => subject);
  expect(await publish('raw')).toEqual([{ kind: 'delivered' }]);
  expect(await publish('ce', { format: 'cloudevents' })).toEqual([{ kind: 'delivered' }]);
  expect(await subjects()).toEqual(['raw.order_completed', 'ce.order_completed']);
  expect(await publish('raw')).toEqual([{ kind: 'delivered' }]);
  expect(await subjects()).toHaveLength(2);
});

test('what is larger than the server allows is a dead letter, and takes no other down', async () => {
  const text = 'x'.repeat(200 * 1024);
  expect(await deliver(login, {}, { properties: { text } }, {})).toMatchObject([
    { kind: 'delivered' },
    { kind: 'dead', reason: expect.stringContaining('max_payload'), status: 'MESSAGE_TOO_LARGE' },
    { kind: 'delivered' },
  ]);
});

test.each<[string, DestinationSettings, string]>([
  ['no stream', { user: 'test', password: 't', subject: 'other.x' }, 'no stream takes the subject'],
  ['another stream', { ...login, stream: 'OTHER' }, 'belongs to another stream than OTHER'],
  ['no right to publish', { ...login, subject: 'private.x' }, 'may not publish to private.x'],
  ['a wrong password', { user: 'gate', password: 'wrong-password' }, 'Authorization'],
  ['no login', {}, 'Authorization'],
  ['TLS that the server does not have', { ...login, url: 'tls' }, "does not support 'tls'"],
])('%s is a fault of the destination, and says so', async (_what, more, reason) => {
  const url = more['url'] === 'tls' ? { url: `tls://localhost:${server.port}` } : {};
  const outcomes = await deliver({ ...more, ...url }, {}, {});
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    expect(outcome).toMatchObject({ reason: expect.stringMatching(new RegExp(reason, 'i')) });
  }
  expect(outcomes).toHaveLength(2);
  expect(JSON.stringify(outcomes)).not.toContain('password');
});

test('a stream that is full is a fault of the destination', async () => {
  const full = { name: 'FULL', subjects: ['full.>'], max_msgs: 1, discard: 'new' as const };
  await server.manager.streams.add(full);
  const settings = { user: 'test', password: 't', subject: 'full.{event_name}' };
  expect(await deliver(settings, {}, {})).toMatchObject([
    { kind: 'delivered' },
    { kind: 'retry', fault: 'destination', reason: expect.stringContaining('maximum messages') },
  ]);
});

test('a program that answers in the place of a stream confirms nothing', async () => {
  const subscription = server.connection.subscribe('answered.>', {
    callback: (_error, message) => void message.respond('thank you'),
  });
  const settings = { user: 'test', password: 't', subject: 'answered.x' };
  const reason = expect.stringContaining('something other than a stream');
  expect(await deliver(settings, {})).toMatchObject([
    { kind: 'retry', fault: 'destination', reason },
  ]);
  subscription.unsubscribe();
});

test('a creds file that cannot be read stops the start, and one that is none is a fault of the destination', async () => {
  const open = (more: DestinationSettings) => createNatsDestination('out', natsSettings(1, more));
  expect(() => open({ creds_file: '/nowhere/gate.creds' })).toThrow(
    'destinations.out.creds_file: /nowhere/gate.creds cannot be read (ENOENT)',
  );
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-creds-'));
  const file = path.join(folder, 'gate.creds');
  writeFileSync(file, 'not creds');
  const outcomes = await deliver({ creds_file: file }, {});
  expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
  rmSync(folder, { recursive: true });
});

test('a token and a creds file let the gate in', async () => {
  const [operator, user] = [nkeys.createOperator(), nkeys.createUser()];
  const [account, system] = [nkeys.createAccount(), nkeys.createAccount()];
  const limits = Object.fromEntries(
    'subs data payload conn imports exports leaf mem_storage disk_storage streams consumer'
      .split(' ')
      .map((name) => [name, -1]),
  );
  const [accountToken, systemToken] = [account, system].map((each) =>
    signedToken(operator, each, 'account', { limits: each === account ? limits : {} }),
  );
  const userToken = signedToken(account, user, 'user', { subs: -1, data: -1, payload: -1 });
  const creds =
    `-----BEGIN NATS USER JWT-----\n${userToken}\n------END NATS USER JWT------\n\n` +
    `-----BEGIN USER NKEY SEED-----\n${Buffer.from(user.getSeed()).toString()}\n------END USER NKEY SEED------\n`;
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-creds-'));
  const file = path.join(folder, 'gate.creds');
  writeFileSync(file, creds);
  await using byCreds = await startOperatorsNats(
    `operator: "${signedToken(operator, operator, 'operator', {})}"\nresolver: MEMORY\n` +
      `system_account: ${system.getPublicKey()}\n` +
      `resolver_preload: { ${account.getPublicKey()}: "${accountToken}", ${system.getPublicKey()}: "${systemToken}" }`,
    { authenticator: credsAuthenticator(Buffer.from(creds)) },
  );
  await using byToken = await startOperatorsNats('authorization { token: "t-0123" }', {
    token: 't-0123',
  });
  for (const [nats, login] of [
    [byCreds, { creds_file: file }],
    [byToken, { token: 't-0123' }],
  ] as const) {
    await nats.manager.streams.add({ name: 'E', subjects: ['events.>'] });
    const outcome = async (settings: DestinationSettings): Promise<Outcome[]> => {
      const destination = createNatsDestination('out', natsSettings(nats.port, settings));
      const outcomes = await deliverAll(destination, [deliveryOfEvent()]);
      await destination.close();
      return outcomes;
    };
    expect(await outcome(login)).toEqual([{ kind: 'delivered' }]);
    expect(await outcome({})).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
  }
  rmSync(folder, { recursive: true });
});

/** A token as `nsc` makes them. */
function signedToken(
  issuer: ReturnType<typeof nkeys.createUser>,
  subject: ReturnType<typeof nkeys.createUser>,
  type: string,
  claims: object,
): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = {
    jti: 'test',
    iat: 1_700_000_000,
    iss: issuer.getPublicKey(),
    name: type,
    sub: subject.getPublicKey(),
    nats: { ...claims, type, version: 2 },
  };
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(body)}`;
  const signature = Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url');
  return `${text}.${signature}`;
}

test('by TLS it connects to a server whose certificate it can check, and to no other', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-tls-'));
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=nats.example', '-addext', 'subjectAltName=DNS:localhost'];
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
  execFileSync('openssl', [...args, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  await using secured = await startOperatorsNats(
    `tls { cert_file: "${cert}", key_file: "${key}" }`,
    { tls: { caFile: cert } },
  );
  await secured.manager.streams.add({ name: 'E', subjects: ['events.>'] });
  const url = `tls://localhost:${secured.port}`;
  expect(await deliver({ url, tls_ca: cert }, {})).toEqual([{ kind: 'delivered' }]);
  expect(await deliver({ url }, {})).toMatchObject([
    { kind: 'retry', fault: 'destination', reason: expect.stringMatching(/self-signed/i) },
  ]);
  rmSync(folder, { recursive: true });
});

test('a connection without answers is given up: the next call opens another', async () => {
  let [connections, isSilent] = [0, true];
  const proxy = net.createServer((near) => {
    connections += 1;
    const far = net.connect(server.port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far);
    // The greeting and the answer to the first PING; then silence.
    let answers = 0;
    far.on('data', (data) => {
      answers += 1;
      if (answers <= 2 || !isSilent) near.write(data);
    });
    near.on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as net.AddressInfo;
  const destination = createNatsDestination('out', natsSettings(port, { ...login, timeout: 300 }));
  const delivery = deliveryOfEvent();
  const before = (await readStream(server, 'EVENTS_OUT')).length;
  expect(await deliverAll(destination, [delivery])).toMatchObject([
    { kind: 'retry', fault: 'destination', reason: 'no answer within 300 ms' },
  ]);
  isSilent = false;
  expect(await deliverAll(destination, [delivery])).toEqual([{ kind: 'delivered' }]);
  expect(connections).toBe(2);
  // It had arrived, and the stream dropped the copy.
  expect((await readStream(server, 'EVENTS_OUT')).length).toBe(before + 1);
  await destination.close();
  proxy.close();
});

test('a connection that comes after an abort is closed', async () => {
  const closed = Promise.withResolvers<string>();
  const proxy = net.createServer((near) => {
    near.on('error', () => undefined);
    near.on('close', () => closed.resolve('closed'));
    const begin = (): void => {
      const far = net.connect(server.port, '127.0.0.1');
      far.on('error', () => undefined);
      near.pipe(far).pipe(near);
    };
    setTimeout(begin, 200);
  });
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as net.AddressInfo;
  const destination = createNatsDestination('out', natsSettings(port, login));
  const outcomes = await deliverAll(destination, [deliveryOfEvent()], AbortSignal.timeout(50));
  expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
  await destination.close();
  expect(await closed.promise).toBe('closed');
  proxy.close();
});
