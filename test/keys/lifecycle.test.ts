import { execFileSync } from 'node:child_process';
import http from 'node:http';
import http2 from 'node:http2';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { WriteKey_State as State } from '../../gen/headgate/v1/key_service_pb.ts';
import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import { hashWriteKey, keyIdOf, newWriteKey } from '../../src/config/write-key.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService } from '../real-service.ts';
import { keysOf, startGates, track, type Keys } from './key-gates.ts';

/** A change must be in force everywhere after this time. */
const promisedMs = 1_000;

describe('keys of two gates on one log', () => {
  let gates: Awaited<ReturnType<typeof startGates>>;
  let urls: string[];
  let keys: Keys;
  beforeAll(async () => {
    gates = await startGates(2);
    urls = gates.gates.map(({ url }) => url);
    keys = keysOf(gates.gates[0]!.adminUrl);
  }, 60_000);
  afterAll(() => gates[Symbol.asyncDispose]());

  test('a created key is accepted at once here, and within a second there', async () => {
    const { key, secret, authOff } = await keys.createKey({ source: 'shop', events: ['order_*'] });
    expect(authOff).toBe(false);
    expect(secret).toMatch(/^hg_[\w-]{43}$/);
    expect(key).toMatchObject({ id: keyIdOf(hashWriteKey(secret)), state: State.IN_FORCE });
    expect((await track(urls[0]!, secret)).status).toBe(202);
    await sleep(promisedMs);
    expect((await track(urls[1]!, secret)).status).toBe(202);
    const { keys: listed } = await keysOf(gates.gates[1]!.adminUrl).listKeys({ source: 'shop' });
    expect(listed).toMatchObject([{ id: key!.id, source: 'shop', createdBy: 'admin' }]);
  });

  test('a revoked key is refused with its reason, on connections that stay open', async () => {
    const { key, secret } = await keys.createKey({ source: 'shop' });
    await sleep(promisedMs);
    const callers = urls.flatMap((url) => [keepAlive(url), connectionHttp2(url), grpc(url)]);
    for (const caller of callers) expect(await caller.send(secret)).toBe('accepted');
    await keys.revokeKey({ id: key!.id });
    await sleep(promisedMs);
    for (const caller of callers) {
      expect(await caller.send(secret)).toMatch(/^refused .*This write key was revoked at 2/);
      caller.close();
    }
    // It stays revoked, with the same time.
    const again = await keys.revokeKey({ id: key!.id });
    expect(again.key).toMatchObject({ state: State.REVOKED, revokedBy: 'admin' });
    await expect(keys.rotateKey({ id: key!.id })).rejects.toThrow(
      /was revoked at .*create another/,
    );
  });

  test.each(['a revocation', 'a rotation and a revocation'])(
    'a body that began before %s and ends after it is refused',
    async (what) => {
      const { key, secret } = await keys.createKey({ source: 'shop' });
      const { port } = new URL(urls[0]!);
      const body = JSON.stringify(order());
      const request = http.request({
        port,
        path: '/v1/track',
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': String(body.length),
          'x-write-key': secret,
        },
      });
      request.write(body.slice(0, 20));
      await sleep(100);
      if (what.includes('rotation')) await keys.rotateKey({ id: key!.id });
      await keys.revokeKey({ id: key!.id });
      request.end(body.slice(20));
      const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
      expect(answer.statusCode).toBe(401);
      answer.resume();
    },
  );

  test('a rotated key goes on for the overlap, and the new one is like it', async () => {
    const old = await keys.createKey({ source: 'shop', events: ['order_*'] });
    const rotated = await keys.rotateKey({
      id: old.key!.id,
      overlap: { seconds: 2n, nanos: 0 },
    });
    expect(rotated.key).toMatchObject({ source: 'shop', events: ['order_*'] });
    expect(rotated.key!.replaces).toBe(old.key!.id);
    expect(rotated.replaced!.replacedBy).toBe(rotated.key!.id);
    const endsAtMs = timestampDate(rotated.replaced!.expiresAt!).getTime();
    expect(endsAtMs).toBeLessThanOrEqual(Date.now() + 2_000);
    expect((await track(urls[0]!, old.secret)).status).toBe(202);
    await sleep(promisedMs);
    expect((await track(urls[1]!, rotated.secret)).status).toBe(202);
    await sleep(endsAtMs - Date.now() + 50);
    for (const url of urls) {
      const { status, text } = await track(url, old.secret);
      expect(status).toBe(401);
      expect(text).toMatch(/This write key expired at 2/);
    }
  });

  test('an overlap of 0 ends the old key at once, and a lifetime is inherited', async () => {
    const old = await keys.createKey({ source: 'shop', lifetime: { seconds: 86_400n, nanos: 0 } });
    const rotated = await keys.rotateKey({ id: old.key!.id, overlap: { seconds: 0n, nanos: 0 } });
    expect(rotated.replaced!.state).toBe(State.REVOKED);
    expect((await track(urls[0]!, old.secret)).status).toBe(401);
    const leftMs = timestampDate(rotated.key!.expiresAt!).getTime() - Date.now();
    expect(Math.round(leftMs / 3_600_000)).toBe(24);
  });

  test('an expired key is refused by itself', async () => {
    const { secret } = await keys.createKey({
      source: 'shop',
      lifetime: { seconds: 1n, nanos: 0 },
    });
    expect((await track(urls[0]!, secret)).status).toBe(202);
    await sleep(1_050);
    expect((await track(urls[0]!, secret)).text).toMatch(/This write key expired at 2/);
  });

  test('a key in the body of a vendor is followed, too', async () => {
    const { key, secret } = await keys.createKey({ source: 'app' });
    const send = (url: string): Promise<number> =>
      fetch(`${url}/batch/`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          api_key: secret,
          batch: [{ event: 'order completed', properties: { distinct_id: 'u-1' } }],
        }),
      }).then((answer) => answer.status);
    expect(await send(urls[0]!)).toBe(200);
    await sleep(promisedMs);
    expect(await send(urls[1]!)).toBe(200);
    await keys.revokeKey({ id: key!.id });
    await sleep(promisedMs);
    for (const url of urls) expect(await send(url)).toBe(401);
  });
});

interface Caller {
  send(key: string): Promise<string>;
  close(): void;
}

/** Sends all its requests on one connection of HTTP/1.1. */
function keepAlive(url: string): Caller {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let sockets = 0;
  return {
    send: (key) =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json', 'x-write-key': key };
        const request = http.request(
          `${url}/v1/track`,
          { agent, method: 'POST', headers },
          (answer) => {
            let text = '';
            answer.setEncoding('utf8').on('data', (part: string) => (text += part));
            answer.on('end', () => {
              const said = answer.statusCode === 202 ? 'accepted' : `refused ${text}`;
              resolve(sockets > 1 ? 'it opened another connection' : said);
            });
          },
        );
        request.on('socket', (socket) => void (socket.bytesWritten === 0 && (sockets += 1)));
        request.on('error', reject).end(JSON.stringify(order()));
      }),
    close: () => agent.destroy(),
  };
}

/** Sends all its requests on one connection of HTTP/2. */
function connectionHttp2(url: string): Caller {
  const session = http2.connect(url);
  return {
    send: async (key) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/v1/track',
        'content-type': 'application/json',
        authorization: `Bearer ${key}`,
      });
      stream.end(JSON.stringify(order()));
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      let text = '';
      stream.setEncoding('utf8');
      for await (const part of stream) text += String(part);
      return Number(headers[':status']) === 202 ? 'accepted' : `refused ${text}`;
    },
    close: () => session.close(),
  };
}

/** A gRPC client, which keeps its connection. */
function grpc(url: string): Caller {
  const client = createClient(TrackService, createGrpcTransport({ baseUrl: url }));
  const { event_name: eventName, user_id: userId, properties } = order();
  return {
    send: async (key) => {
      const event = {
        eventName: String(eventName),
        userId: String(userId),
        idempotencyKey: crypto.randomUUID(),
        properties: properties as never,
      };
      try {
        await client.track({ event }, { headers: { 'x-write-key': key } });
        return 'accepted';
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        return code === Code.Unauthenticated ? `refused ${rawMessage}` : `failed ${rawMessage}`;
      }
    },
    close: () => {},
  };
}

test('keys outlive a restart, and no file of the store holds one', async () => {
  await using first = await startRealService({
    yaml: 'destinations: {}\n',
    env: { HEADGATE_AUTH: 'keys' },
  });
  const made = await keysOf(first.adminUrl).createKey({ source: 'shop' });
  const revoked = await keysOf(first.adminUrl).createKey({ source: 'shop' });
  await keysOf(first.adminUrl).revokeKey({ id: revoked.key!.id });
  expect((await track(first.url, made.secret)).status).toBe(202);
  await first.stop();
  const found = (text: string): string =>
    execFileSync('sh', ['-c', `grep -rlF -- "${text}" "${first.dataDir}" || true`]).toString();
  expect(found(made.secret)).toBe('');
  expect(found(made.secret.slice(3))).toBe('');
  expect(found(hashWriteKey(made.secret))).toContain('KV_headgate_keys');

  await using second = await startRealService({
    yaml: 'destinations: {}\n',
    env: { HEADGATE_AUTH: 'keys', HEADGATE_DATA_DIR: first.dataDir },
  });
  expect((await track(second.url, made.secret)).status).toBe(202);
  expect((await track(second.url, revoked.secret)).text).toMatch(/was revoked at/);
  // Written at the stop, to the minute.
  const { keys } = await keysOf(second.adminUrl).listKeys({});
  const usedAtMs = timestampDate(keys[0]!.lastUsedAt!).getTime();
  expect(usedAtMs % 60_000).toBe(0);
  expect(Date.now() - usedAtMs).toBeLessThan(120_000);
}, 60_000);

test('a key of the configuration is refused once it is revoked, also after a restart', async () => {
  const text = newWriteKey();
  const id = keyIdOf(hashWriteKey(text));
  const settings = {
    yaml: `auth: keys\nkeys:\n  - { source: shop, hash: "${hashWriteKey(text)}" }\ndestinations: {}\n`,
  };
  await using first = await startRealService(settings);
  const keys = keysOf(first.adminUrl);
  expect((await track(first.url, text)).status).toBe(202);
  // Known without a wait.
  const [before] = (await keys.listKeys({})).keys;
  expect(before).toMatchObject({ id, inFile: true, state: State.IN_FORCE });
  expect(before!.lastUsedAt).toBeDefined();
  const { key } = await keys.revokeKey({ id });
  expect(key).toMatchObject({ id, inFile: true, state: State.REVOKED, revokedBy: 'admin' });
  expect(key!.createdAt).toBeUndefined();
  expect((await track(first.url, text)).text).toMatch(/was revoked at/);
  await first.stop();
  await using second = await startRealService({
    ...settings,
    env: { HEADGATE_DATA_DIR: first.dataDir },
  });
  expect((await track(second.url, text)).text).toMatch(/was revoked at/);
  await expect(keysOf(second.adminUrl).revokeKey({ id: '0123456789ab' })).rejects.toThrow(
    'The log has no write key 0123456789ab',
  );
}, 60_000);
