import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { StartError } from '../../errors.ts';
import { readSnowflakeSettings } from './settings.ts';

const given = {
  account: 'myorg-myaccount',
  user: 'headgate',
  password: 'secret-1',
  warehouse: 'load',
  database: 'analytics',
  schema: 'PUBLIC',
  table: 'Events',
  spool: 's',
  ids_kept: 3_600_000,
  load_interval: 0,
  timeout: 60_000,
};

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const plain = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const encrypted = String(
  privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'secret-2',
  }),
);

test('settings are read', () => {
  expect(readSnowflakeSettings('w', given)).toMatchObject({
    connection: {
      account: 'myorg-myaccount',
      username: 'headgate',
      authenticator: 'SNOWFLAKE',
      password: 'secret-1',
      warehouse: 'load',
      database: 'analytics',
      schema: 'PUBLIC',
      queryTag: 'headgate w',
    },
    table: 'events',
    mode: 'events',
    prefix: '',
    spool: path.resolve('s'),
    idsKeptMs: 3_600_000,
    loadIntervalMs: 0,
    timeoutMs: 60_000,
  });
});

test('a key is taken from a setting or a file, with and without a passphrase', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-snowflake-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'key.pem');
  writeFileSync(file, encrypted);
  for (const key of [
    { private_key: plain },
    { private_key_file: file, private_key_passphrase: 'secret-2' },
  ]) {
    const { connection } = readSnowflakeSettings('w', { ...given, password: null, ...key });
    expect(connection).toMatchObject({ authenticator: 'SNOWFLAKE_JWT', privateKey: plain });
  }
});

test('an encrypted key without its passphrase is named as that, and so is one with a wrong one', () => {
  const key = { ...given, password: null, private_key: encrypted };
  const read = (more: object): unknown => readSnowflakeSettings('w', { ...key, ...more });
  expect(() => read({})).toThrow(/private_key: it is encrypted: set private_key_passphrase/);
  expect(() => read({ private_key_passphrase: 'secret-5' })).toThrow(/does not open it/);
});

test('an address replaces that of the account', () => {
  for (const endpoint of [
    'https://myorg.privatelink.snowflakecomputing.com',
    'http://127.0.0.1:9',
  ]) {
    const { connection } = readSnowflakeSettings('w', { ...given, endpoint });
    expect(connection).toMatchObject({ accessUrl: endpoint });
  }
});

const ellipticKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

test.each([
  ['account', { account: 'https://myorg.snowflakecomputing.com' }],
  ['account', { account: 'a'.repeat(256) }],
  ['table', { table: 'events; DROP' }],
  ['table', { table: 'e'.repeat(64) }],
  ['table_prefix', { table_prefix: 'Hg' }],
  ['timeout', { timeout: 0 }],
  ['private_key', { password: null }],
  ['password', { token: 'secret-3' }],
  ['private_key', { password: null, private_key: 'secret-4' }],
  ['private_key', { password: null, private_key: encrypted, private_key_passphrase: 'secret-5' }],
  [
    'private_key',
    { password: null, private_key: ellipticKey.export({ type: 'pkcs8', format: 'pem' }) },
  ],
  ['private_key_file', { password: null, private_key_file: 'missing.pem' }],
  ['endpoint', { endpoint: 'snowflake.example.com' }],
  ['endpoint', { endpoint: 'https://user:secret-6@far' }],
  ['endpoint', { endpoint: 'https://far/path' }],
  ['endpoint', { endpoint: 'http://far.example.com' }],
])('%s: a wrong value stops the start, and names the setting', (setting, wrong) => {
  const read = (): unknown => readSnowflakeSettings('w', { ...given, ...(wrong as object) });
  expect(read).toThrow(StartError);
  expect(read).toThrow(`destinations.w.${setting}: `);
  expect(read).not.toThrow(/secret-|BEGIN/);
});

test('a name at its limit is taken', () => {
  const table = 'e'.repeat(63);
  expect(readSnowflakeSettings('w', { ...given, table })).toMatchObject({ table });
});
