import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { ConnectionOptions } from 'snowflake-sdk';

import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';
import { tablesOf, type TableMode } from '../tables/table-mode.ts';

/** The settings of a `snowflake` destination, checked. */
export interface SnowflakeSettings {
  readonly connection: ConnectionOptions;
  /** Of all events, in lower case. */
  readonly table: string;
  readonly mode: TableMode;
  readonly prefix: string;
  /** A folder. */
  readonly spool: string;
  readonly idsKeptMs: number;
  readonly loadIntervalMs: number;
  readonly timeoutMs: number;
}

type Fail = (setting: string, text: string) => never;

const accountText = /^[A-Za-z0-9][\w.-]{0,254}$/;
const tableText = /^[a-z_][a-z0-9_]{0,62}$/i;
const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** Throws a StartError that names the setting to fix. */
export function readSnowflakeSettings(
  name: string,
  settings: DestinationSettings,
): SnowflakeSettings {
  const fail: Fail = (setting, text) => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const account = String(settings['account']);
  if (!accountText.test(account)) {
    fail('account', 'give the identifier alone, without https:// and .snowflakecomputing.com');
  }
  const table = String(settings['table']);
  if (!tableText.test(table)) fail('table', 'use letters, digits and _, as in events');
  const timeoutMs = Number(settings['timeout']);
  if (!(timeoutMs > 0)) fail('timeout', 'give a duration above 0, such as 1m');
  const role = settings['role'];
  return {
    connection: {
      account,
      username: String(settings['user']),
      ...readCredentials(settings, fail),
      ...(typeof role === 'string' ? { role } : {}),
      warehouse: String(settings['warehouse']),
      database: String(settings['database']),
      schema: String(settings['schema']),
      ...readEndpoint(settings, fail),
      application: 'Headgate',
      queryTag: `headgate ${name}`,
      validateDefaultParameters: true,
      sfRetryMaxLoginRetries: 1,
      timeout: timeoutMs,
    },
    table: table.toLowerCase(),
    ...tablesOf(name, settings),
    spool: path.resolve(String(settings['spool'])),
    idsKeptMs: Number(settings['ids_kept']),
    loadIntervalMs: Number(settings['load_interval']),
    timeoutMs,
  };
}

const credentials = ['private_key', 'private_key_file', 'token', 'password'] as const;

function readCredentials(settings: DestinationSettings, fail: Fail): ConnectionOptions {
  const given = credentials.filter((setting) => typeof settings[setting] === 'string');
  const [setting, more] = given;
  if (setting === undefined) fail('private_key', `set it, or one of ${credentials.join(', ')}`);
  if (more !== undefined) fail(more, `remove it, or ${setting}: one of them is enough`);
  const value = String(settings[setting!]);
  if (setting === 'token') return { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: value };
  if (setting === 'password') return { authenticator: 'SNOWFLAKE', password: value };
  const pem = setting === 'private_key' ? value : readKeyFile(value, fail);
  const passphrase = settings['private_key_passphrase'];
  return {
    authenticator: 'SNOWFLAKE_JWT',
    privateKey: openKey(pem, passphrase, (text) => fail(setting!, text)),
  };
}

function readKeyFile(file: string, fail: Fail): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return fail('private_key_file', `cannot read it: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** The key as the client takes it: PKCS #8 without a passphrase. The errors of OpenSSL are not shown. */
function openKey(pem: string, passphrase: unknown, fail: (text: string) => never): string {
  try {
    const key = createPrivateKey({
      key: pem,
      ...(typeof passphrase === 'string' ? { passphrase } : {}),
    });
    if (key.asymmetricKeyType !== 'rsa') fail('Snowflake takes an RSA key, and this is another');
    return key.export({ format: 'pem', type: 'pkcs8' }).toString();
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (!pem.includes('ENCRYPTED')) return fail('it is not a private key in PEM');
    return typeof passphrase === 'string'
      ? fail('the passphrase in private_key_passphrase does not open it')
      : fail('it is encrypted: set private_key_passphrase');
  }
}

function readEndpoint(settings: DestinationSettings, fail: Fail): ConnectionOptions {
  const given = settings['endpoint'];
  if (typeof given !== 'string') return {};
  const url = URL.parse(given);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== ''
  ) {
    return fail('endpoint', 'give a scheme, a host and a port, such as https://host.example.com');
  }
  if (url.username !== '' || url.password !== '') {
    return fail('endpoint', 'leave out the user and password: they have settings of their own');
  }
  if (url.protocol === 'http:' && !loopback.test(url.hostname)) {
    return fail('endpoint', 'use https://: credentials would be sent in the clear');
  }
  return { accessUrl: url.origin };
}
