import { expect, test } from 'vitest';

import { hashWriteKey, keyIdOf } from '../config/write-key.ts';
import { decodeStoredKey, encodeStoredKey, type StoredKey } from './stored-key.ts';

const hash = hashWriteKey('hg_a');
const id = keyIdOf(hash);
const key: StoredKey = {
  id,
  hash,
  source: 'shop',
  events: ['order_*'],
  relaySources: ['shop-*'],
  createdAtMs: 1_000,
  createdBy: 'ann',
  expiresAtMs: 2_000,
  lifetimeMs: 1_000,
  replaces: '0123456789ab',
  revokedAtMs: 1_500,
  revokedBy: 'bob',
  limits: { eventsPerSecond: 10, burst: 20, bytesPerDay: 1_048_576 },
};

test('what is written is read, with and without what may be absent', () => {
  expect(decodeStoredKey(id, encodeStoredKey(key))).toEqual(key);
  const { relaySources: _none, ...others } = key;
  const short = {
    ...others,
    events: [],
    expiresAtMs: undefined,
    lifetimeMs: undefined,
    replaces: undefined,
    revokedAtMs: undefined,
    revokedBy: undefined,
    limits: undefined,
  };
  expect(decodeStoredKey(id, encodeStoredKey(short))).toEqual(short);
});

const written = JSON.parse(encodeStoredKey(key)) as Record<string, unknown>;
test.each([
  ['no JSON', 'hg_a'],
  ['a list', '[]'],
  ['no hash', JSON.stringify({ ...written, hash: undefined })],
  ['the hash of another key', JSON.stringify({ ...written, hash: hashWriteKey('hg_b') })],
  ['the key in place of the hash', JSON.stringify({ ...written, hash: 'hg_a' })],
  ['no source', JSON.stringify({ ...written, source: 'a.b' })],
  ['an invalid glob', JSON.stringify({ ...written, events: ['a\nb'] })],
  // Read as none, it would be no relay; read as it is, it could send as anyone.
  ['an invalid source glob', JSON.stringify({ ...written, relay_sources: ['a b'] })],
  ['events that are no list', JSON.stringify({ ...written, events: '*' })],
  // Read as no end, it would never end.
  ['an end that is no time', JSON.stringify({ ...written, expires_at: 'soon' })],
  // Read as no limits, it could send as much as it likes.
  ['limits that are no object', JSON.stringify({ ...written, limits: 10 })],
  ['a limit that is no number', JSON.stringify({ ...written, limits: { burst: '20' } })],
  ['a limit that is too small', JSON.stringify({ ...written, limits: { events_per_second: 0 } })],
  ['a burst alone', JSON.stringify({ ...written, limits: { burst: 20 } })],
  ['a revocation that is no time', JSON.stringify({ ...written, revoked_at: 5 })],
])('does not read %s', (_what, text) => {
  expect(decodeStoredKey(id, text)).toBeUndefined();
});
