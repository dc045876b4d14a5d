import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { snowflakeType } from '../../src/destinations/snowflake/type.ts';
import type { FarSide } from '../destinations/conformance.ts';
import { startRelay } from '../destinations/relay.ts';
import { snowflakeFolder } from './engine-folder.ts';
import { freePort } from './ministack.ts';

export type SnowflakeRow = Readonly<Record<string, string | null>>;

/** A schema of its own of a fake. */
export interface FakeSchema {
  readonly database: string;
  readonly schema: string;
  /** Values as texts. None if there is no such table. */
  rows(table: string): Promise<readonly SnowflakeRow[]>;
  count(table: string): Promise<number>;
  /** In DuckDB's SQL; `{schema}` is this schema. */
  sql(statement: string): Promise<readonly SnowflakeRow[]>;
  /** Files on its stages. */
  staged(): string[];
}

/** test/clouds/fake-snowflake. */
export interface FakeSnowflake {
  readonly port: number;
  createSchema(): FakeSchema;
  /** What clients have logged in with. */
  logins(): Promise<readonly Record<string, unknown>[]>;
  /** Statements that begin so run, and are not answered. Empty: all are again. */
  loseAnswersTo(beginning: string): Promise<void>;
  /** Transactions end without a word before such statements, as after 5 idle minutes. Empty: none does. */
  endTransactionsBefore(beginning: string): Promise<void>;
  stop(): Promise<void>;
}

const script = fileURLToPath(new URL('fake-snowflake/server.py', import.meta.url));
const startMsMax = 60_000;
/** Snowflake gives an idle transaction that blocks another 5 minutes. */
const idleSeconds = '1';
const database = 'ANALYTICS';

let schemas = 0;

export async function startFakeSnowflake(): Promise<FakeSnowflake> {
  const port = await freePort();
  const temporary = mkdtempSync(path.join(tmpdir(), 'headgate-fakesnow-'));
  const child = spawn(
    path.join(snowflakeFolder, 'bin', 'python'),
    ['-W', 'ignore', script, String(port), idleSeconds],
    {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], TMPDIR: temporary },
    },
  );
  const exit = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
    rmSync(temporary, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  // A connection that was idle for 5 s is closed by the fake just when the next request comes.
  const headers = { connection: 'close' };
  const ask = (to: string, body: string): Promise<Response> =>
    fetch(`${url}/test/${to}`, { method: 'POST', body, headers });
  const deadlineMs = performance.now() + startMsMax;
  while (
    !(await fetch(`${url}/test/logins`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await stop();
      throw new Error('fakesnow did not start');
    }
    await sleep(50);
  }
  return {
    port,
    stop,
    createSchema: () => schemaOf(`S${(schemas += 1)}`, temporary, ask),
    logins: async () => (await (await fetch(`${url}/test/logins`, { headers })).json()) as never,
    loseAnswersTo: async (beginning) => void (await ask('lose', beginning)),
    endTransactionsBefore: async (beginning) => void (await ask('end', beginning)),
  };
}

function schemaOf(
  schema: string,
  temporary: string,
  ask: (to: string, body: string) => Promise<Response>,
): FakeSchema {
  const place = `${database}.${schema}`;
  const sql: FakeSchema['sql'] = async (statement) => {
    const answer = await ask('sql', statement.replaceAll('{schema}', place));
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as SnowflakeRow[];
  };
  const rows: FakeSchema['rows'] = async (table) =>
    (await ask('sql', `SELECT COLUMNS(*)::VARCHAR FROM ${place}.${table.toUpperCase()}`))
      .json()
      .then((found) => found as SnowflakeRow[])
      .catch(() => []);
  return {
    database,
    schema,
    rows,
    sql,
    staged: () => globSync(`*/${database}/${schema}/*/*/*`, { cwd: temporary }),
    count: async (table) => (await rows(table)).length,
  };
}

export const idOf = (row: SnowflakeRow): string => String(row['EVENT_ID']);

/** Folders of spools, which `removeSpools` removes. */
const folders: string[] = [];

export function spoolFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-snowflake-'));
  folders.push(folder);
  return folder;
}

export function removeSpools(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** What every account would need, and a fake takes any. */
export function snowflakeSettings(
  port: number,
  schema: string,
  more: DestinationSettings = {},
): DestinationSettings {
  const defaults = Object.entries(snowflakeType.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  return {
    ...Object.fromEntries(defaults),
    account: 'test',
    user: 'headgate',
    password: 'not-checked',
    warehouse: 'LOAD',
    database,
    schema,
    spool: spoolFolder(),
    load_interval: 0,
    timeout: 3_000,
    ids_kept: 30 * 86_400_000,
    endpoint: `http://127.0.0.1:${port}`,
    ...more,
  };
}

/** A schema of its own behind a relay. Each row counts, once in each table of its kind. */
export async function startSnowflakeFarSide(
  fake: FakeSnowflake,
  tables: 'events' | 'per_event' | 'both',
): Promise<FarSide> {
  const relay = await startRelay(fake.port);
  const schema = fake.createSchema();
  const names = {
    events: ['events'],
    per_event: ['order_completed'],
    both: ['events', 'order_completed'],
  };
  return {
    settings: snowflakeSettings(relay.port, schema.schema, { tables, timeout: 1_500 }),
    async counted() {
      const [first, second] = await Promise.all(names[tables].map((name) => schema.rows(name)));
      const ids = first!.map(idOf);
      if (second !== undefined && String(second.map(idOf).sort()) !== String([...ids].sort())) {
        throw new Error('the tables have different events');
      }
      return ids;
    },
    goDown: () => relay.close(),
    comeUp: () => relay.listen(),
    stall: () => relay.freeze(),
    takeSilently: () => fake.loseAnswersTo('COMMIT'),
    async unstall() {
      relay.thaw();
      await fake.loseAnswersTo('');
    },
    oversize: { propertyBytes: 16_000_001, outcome: { kind: 'dead' } },
    close: () => relay.close(),
  };
}
