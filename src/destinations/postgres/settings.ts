import { readFileSync } from 'node:fs';
import type { PoolConfig } from 'pg';
import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';
import { quoteTable } from './table.ts';
import type { SchemaPrefix } from './typed-statements.ts';

function fail(name: string, setting: string, text: string): never {
  throw new StartError(`destinations.${name}.${setting}: ${text}`);
}

/** The quoted table, and the schema that the tables of events are in, too. */
export function readTable(
  name: string,
  settings: DestinationSettings,
): { readonly table: string; readonly schema: SchemaPrefix } {
  const table =
    quoteTable(String(settings['table'])) ??
    fail(name, 'table', 'use a-z, 0-9 and _, as in events or analytics.events');
  return { table, schema: table.slice(0, table.lastIndexOf('.') + 1) };
}

export function readConnection(name: string, settings: DestinationSettings): PoolConfig {
  // The URL itself is not shown, because it may have a password.
  const text = String(settings['url']);
  const url = URL.canParse(text) ? new URL(text) : fail(name, 'url', 'it is not a URL');
  if (!['postgres:', 'postgresql:'].includes(url.protocol)) {
    fail(name, 'url', 'begin with postgres://');
  }
  if (url.search !== '') {
    fail(name, 'url', 'take out what follows the ?; TLS is set by tls and tls_ca');
  }
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return fail(name, 'url', 'a % in it is not followed by the code of a character; write %25');
    }
  };
  const database = decode(url.pathname.slice(1));
  if (url.username === '') fail(name, 'url', 'name a user: postgres://user@host:5432/database');
  if (database === '') fail(name, 'url', 'name a database: postgres://user@host:5432/database');
  const password = settings['password'] ?? decode(url.password);
  const timeoutMs = Number(settings['timeout']);
  return {
    // An IPv6 literal has brackets in a URL, but not in a connection's settings.
    host: url.hostname.replaceAll(/[[\]]/g, ''),
    port: Number(url.port || 5432),
    user: decode(url.username),
    ...(password === '' ? {} : { password: String(password) }),
    database,
    ssl: readTls(name, settings),
    max: Number(settings['concurrency']),
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    // The server's own limit applies first. This one is for a server that no longer answers.
    query_timeout: timeoutMs + 1000,
    application_name: `headgate ${name}`,
  };
}

function readTls(name: string, settings: DestinationSettings): PoolConfig['ssl'] {
  if (settings['tls'] !== true) return false;
  const path = settings['tls_ca'];
  if (typeof path !== 'string') return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(path, 'utf8') };
  } catch (error) {
    return fail(name, 'tls_ca', `cannot read it: ${(error as NodeJS.ErrnoException).code}`);
  }
}
