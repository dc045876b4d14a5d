import { setTimeout as sleep } from 'node:timers/promises';

import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Config, WriteKey } from '../../src/config/config.ts';
import { hashWriteKey, keyIdOf } from '../../src/config/write-key.ts';
import { openKeyBucket, type Bucket } from '../../src/jetstream/bucket/bucket.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { createKeyContents } from '../../src/keys/contents.ts';
import { createKeyFollower } from '../../src/keys/follow-keys.ts';
import { createKeyEditor } from '../../src/keys/key-editor.ts';
import { encodeStoredKey, keyEntry, usedEntry, type StoredKey } from '../../src/keys/stored-key.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createSignals } from '../../src/observability/signals.ts';
import { startKeys } from '../../src/service/follow/start-keys.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { keysOf, startGateOn, track } from './key-gates.ts';

const dayMs = 86_400_000;
const wanted = { source: 'shop', events: [], lifetimeMs: undefined };

let log: RealLog;
let bucket: Bucket;
beforeEach(async () => {
  log = await startRealLog();
  bucket = openKeyBucket(log.log);
});
afterEach(() => log[Symbol.asyncDispose]());

function follow() {
  const contents = createKeyContents();
  const signals = { keysFollowed: () => {}, keyUnreadable: () => {}, keysAway: () => {} };
  const follower = createKeyFollower({ bucket, contents, signals, onChange: () => {} });
  return { contents, follower, refresh: follower.refresh };
}

function storedKey(text: string, more: Partial<StoredKey> = {}): StoredKey {
  const hash = hashWriteKey(text);
  return {
    id: keyIdOf(hash),
    hash,
    source: 'shop',
    events: [],
    createdAtMs: Date.now(),
    createdBy: 'ann',
    expiresAtMs: undefined,
    lifetimeMs: undefined,
    replaces: undefined,
    revokedAtMs: undefined,
    revokedBy: undefined,
    limits: undefined,
    ...more,
  };
}

const write = (key: StoredKey): Promise<void> =>
  bucket.write(keyEntry(key.id), encodeStoredKey(key));

test('the log keeps so many keys and no more; one that ended long ago makes room', async () => {
  const { contents, refresh } = follow();
  const editor = createKeyEditor({ bucket, contents, refresh, keysMax: 3 });
  const first = await editor.create(wanted, 'ann');
  await editor.create(wanted, 'ann');
  const old = storedKey('old', { revokedAtMs: Date.now() - 31 * dayMs });
  await write(old);
  await bucket.write(usedEntry(old.id), new Date().toISOString());
  await editor.create(wanted, 'ann');
  expect(contents.keyOf(old.id)).toBeUndefined();
  await expect(editor.create(wanted, 'ann')).rejects.toMatchObject({ code: 'key_refused' });
  await expect(editor.rotate(first.key.id, dayMs, 'ann')).rejects.toThrow(/3 write keys, the most/);
  // A key that has just ended does not make room, and can be revoked all the same.
  await editor.revoke(first.key.id, 'bob');
  await expect(editor.create(wanted, 'ann')).rejects.toMatchObject({ code: 'key_refused' });
  const another = follow();
  await another.refresh();
  expect(another.contents.size()).toBe(3);
  expect(another.contents.lastUsedAtMs(old.id)).toBeUndefined();
  expect(another.contents.keyOf(first.key.id)).toMatchObject({ revokedBy: 'bob' });
});

test('a bucket that is 60 % full takes no new key, and every revocation', async () => {
  const { contents, refresh } = follow();
  const editor = createKeyEditor({ bucket, contents, refresh });
  const { manager } = clientsForTests(log.log);
  const stream = 'KV_headgate_keys';
  const { config } = await manager.streams.info(stream);
  await manager.streams.update(stream, { ...config, max_bytes: 4_096 });
  const made: string[] = [];
  await expect(
    (async () => {
      for (;;) made.push((await editor.create(wanted, 'ann')).key.id);
    })(),
  ).rejects.toMatchObject({ code: 'key_refused' });
  expect(made.length).toBeGreaterThan(3);
  for (const id of made)
    expect((await editor.revoke(id, 'a'.repeat(64))).revokedBy).toHaveLength(64);
});

test('a key that another process revokes during its rotation stays revoked', async () => {
  const [one, other] = [follow(), follow()];
  const revoking = createKeyEditor({ bucket, ...other });
  const put: Bucket['put'] = async (key, value, expected) => {
    if (expected > 0) await revoking.revoke(key.slice('key.'.length), 'bob');
    return bucket.put(key, value, expected);
  };
  const editor = createKeyEditor({ ...one, bucket: { ...bucket, put } });
  const { key } = await editor.create(wanted, 'ann');
  const { replaced } = await editor.rotate(key.id, dayMs, 'ann');
  expect(replaced).toMatchObject({ id: key.id, revokedBy: 'bob' });
  await one.refresh();
  expect(one.contents.keyOf(key.id)).toMatchObject({ revokedBy: 'bob' });
});

test('what NATS tools do to an entry ends its key: deleted, or written so that it cannot be read', async () => {
  await using gate = await startGateOn(log);
  const keys = keysOf(gate.adminUrl);
  const [deleted, damaged] = [
    await keys.createKey({ source: 'shop' }),
    await keys.createKey({ source: 'shop' }),
  ];
  for (const { secret } of [deleted, damaged]) {
    expect((await track(gate.url, secret)).status).toBe(202);
  }
  const subject = (id: string): string => `$KV.headgate_keys.key.${id}`;
  const headers = { 'KV-Operation': 'DEL' };
  await log.log.store('KV_headgate_keys', subject(deleted.key!.id), headers, '');
  await log.log.store('KV_headgate_keys', subject(damaged.key!.id), {}, '{"source":"shop"}');
  await sleep(1_000);
  for (const { secret } of [deleted, damaged]) {
    expect((await track(gate.url, secret)).status).toBe(401);
  }
});

test('while NATS is away keys stay as they are; after it, the bucket is read as a whole', async () => {
  await using gate = await startGateOn(log);
  const keys = keysOf(gate.adminUrl);
  const { key, secret } = await keys.createKey({ source: 'shop' });
  expect((await track(gate.url, secret)).status).toBe(202);
  log.killServer();
  const failed = await keys.createKey({ source: 'shop' }).catch((error: unknown) => error);
  expect(ConnectError.from(failed).code).toBe(Code.Unavailable);
  // The key is known: the answer is to send again, not that the key is wrong.
  expect((await track(gate.url, secret)).status).not.toBe(401);
  await expect
    .poll(() => track(gate.url, secret), { timeout: 20_000 })
    .toMatchObject({
      status: 202,
    });
  await expect
    .poll(() => keys.revokeKey({ id: key!.id }).then(() => 'revoked', String), { timeout: 20_000 })
    .toBe('revoked');
  expect((await track(gate.url, secret)).status).toBe(401);
}, 60_000);

test('a bucket that is made anew replaces what was known, once it is certain', async () => {
  const { contents, follower, refresh } = follow();
  const [before, after] = [storedKey('before'), storedKey('after')];
  await write(before);
  await write(before);
  await refresh();
  follower.start();
  const { manager } = clientsForTests(log.log);
  const { config } = await manager.streams.info('KV_headgate_keys');
  await manager.streams.delete('KV_headgate_keys');
  await sleep(600);
  expect(contents.keyOf(before.id)).toBeDefined();
  await manager.streams.add(config);
  await write(after);
  // It may be the answer of a replica that is behind.
  await sleep(1_500);
  expect(contents.keyOf(before.id)).toBeDefined();
  await expect.poll(() => contents.keyOf(before.id), { timeout: 10_000 }).toBeUndefined();
  expect(contents.keyOf(after.id)).toBeDefined();
  await follower.stop();
}, 30_000);

test('the start waits for a bucket that cannot be read', async () => {
  const { manager } = clientsForTests(log.log);
  const { config } = await manager.streams.info('KV_headgate_keys');
  await manager.streams.delete('KV_headgate_keys');
  const metrics = createMetrics({ sources: [], eventNames: [], destinations: [] });
  const released: (() => Promise<void> | void)[] = [];
  const starting = startKeys({
    config: { auth: 'keys', keys: [] as readonly WriteKey[], limits: {} } as unknown as Config,
    log: log.log,
    metrics,
    signals: createSignals(metrics, createLogger('silent')),
    lifecycle: {
      onRelease: (_name, release) => void released.push(release),
      release: async () => {},
    },
    onChange: () => {},
    takeUsed: () => [],
  });
  let hasStarted = false;
  void starting.then(() => (hasStarted = true));
  await sleep(1_500);
  expect(hasStarted).toBe(false);
  await manager.streams.add(config);
  const key = storedKey('a');
  await write(key);
  const { notRevoked } = await starting;
  // It may have started between the two writes, and follows the bucket from there.
  await expect.poll(notRevoked).toMatchObject([{ hash: key.hash }]);
  for (const release of released) await release();
});

test('a key in the file and in the log: what the log says wins', async () => {
  const [both, alone] = ['hg_both', 'hg_alone'];
  const line = (key: string): string => `  - { source: till, hash: "${hashWriteKey(key)}" }\n`;
  await write(storedKey(both, { revokedAtMs: Date.now() }));
  await using gate = await startGateOn(log, {}, `keys:\n${line(both)}${line(alone)}`);
  expect((await track(gate.url, alone)).status).toBe(202);
  expect((await track(gate.url, both)).text).toMatch(/This write key was revoked at/);
  const { keys } = await keysOf(gate.adminUrl).listKeys({ includeEnded: true });
  expect(keys.map(({ id, inFile }) => [id, inFile])).toEqual([
    [keyIdOf(hashWriteKey(alone)), true],
    [keyIdOf(hashWriteKey(both)), true],
  ]);
  // With another scope in the log, that scope.
  await write(storedKey(alone, { source: 'shop', events: ['cart_*'] }));
  await sleep(1_000);
  expect((await track(gate.url, alone)).text).toContain('event_not_allowed');
});

test('a request that is not within its limits is refused, and says why', async () => {
  await using gate = await startGateOn(log);
  const keys = keysOf(gate.adminUrl);
  const globs = (count: number): string[] => Array.from({ length: count }, (_, at) => `a_${at}`);
  const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
  await keys.createKey({ source: 'a'.repeat(64), events: globs(50) });
  await keys.createKey({ source: 'a', events: ['a'.repeat(128)] });
  const { key } = await keys.createKey({ source: 'a', lifetime: seconds(3_650 * 86_400) });
  await keys.rotateKey({ id: key!.id, overlap: seconds(90 * 86_400) });
  for (const [request, why] of [
    [keys.createKey({ source: 'a'.repeat(65) }), /source is not a source/],
    [keys.createKey({ source: 'a', events: globs(51) }), /at most 50/],
    [keys.createKey({ source: 'a', events: ['a'.repeat(129)] }), /item 1 is not a glob/],
    [keys.createKey({ source: 'a', events: ['a\nb'] }), /item 1 is not a glob/],
    [keys.createKey({ source: 'a', lifetime: seconds(3_650 * 86_400 + 1) }), /10 years/],
    [keys.createKey({ source: 'a', lifetime: seconds(0) }), /within a second/],
    [keys.rotateKey({ id: key!.id, overlap: seconds(90 * 86_400 + 1) }), /90 days/],
    [keys.rotateKey({ id: 'hg_the-key-itself' }), /^(?!.*hg_the).*not the id of a write key/],
    [keys.listKeys({ pageSize: 501 }), /at most 500/],
    [keys.listKeys({ pageToken: 'x' }), /page_token is not of this list/],
  ] as const) {
    await expect(request).rejects.toThrow(why);
  }
  const first = await keys.listKeys({ pageSize: 3 });
  expect(first.keys).toHaveLength(3);
  const rest = await keys.listKeys({ pageSize: 3, pageToken: first.nextPageToken });
  expect(rest.keys).toHaveLength(1);
  expect(rest.nextPageToken).toBe('');
});
