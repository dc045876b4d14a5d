import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { declaredColumns } from '../described-tables.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { expressionOf, literal, quoted, snowflakeDialect } from './columns.ts';
import { SnowflakeError } from './fault.ts';
import { tableMember, type LoadLine } from './lines.ts';
import type { SnowflakeSession } from './session.ts';

const loadTable = quoted('headgate_load');
const stage = '@HEADGATE_STAGE';
const lockTable = quoted('headgate_lock');

/**
 * What each session makes for itself. Both are temporary: only the session sees them, and with it they are
 * gone, with the files and rows that a process left when it was killed.
 */
export const temporaryObjects: readonly string[] = [
  `CREATE TEMPORARY TABLE IF NOT EXISTS ${loadTable} ("ROW" VARIANT) DATA_RETENTION_TIME_IN_DAYS = 0`,
  'CREATE TEMPORARY STAGE IF NOT EXISTS HEADGATE_STAGE',
];

/**
 * The table whose row is updated by each transaction that merges, so that others wait. It has the names of the
 * last transactions that were committed, the newest first. If two workers make the row at once there are
 * two, and each transaction updates both.
 */
export const makeLock: readonly string[] = [
  `CREATE TRANSIENT TABLE IF NOT EXISTS ${lockTable} ("HOLDERS" VARCHAR) DATA_RETENTION_TIME_IN_DAYS = 0`,
  `INSERT INTO ${lockTable} SELECT '' WHERE NOT EXISTS (SELECT 1 FROM ${lockTable})`,
];

/** Room for the names of a hundred transactions. */
const holdersCharactersMax = 3_700;

const compress = promisify(gzip);

/** Puts lines into the load table, in place of all that is there. */
export async function loadLines(
  session: SnowflakeSession,
  spool: string,
  lines: readonly LoadLine[],
): Promise<void> {
  await session.run(`DELETE FROM ${loadTable}`);
  // A path of its own: what an earlier attempt uploads late is not among its files.
  const attempt = randomUUID();
  const file = path.join(spool, `${attempt}.json.gz`);
  const bytes = await compress(lines.map(({ text }) => `${text}\n`).join(''), { level: 1 });
  try {
    await writeFile(file, bytes, { mode: 0o600 });
    const [put] = await session.run(
      `PUT ${literal(`file://${file}`)} ${stage}/${attempt}/ AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = GZIP OVERWRITE = TRUE`,
    );
    // The client reports a failed upload in its answer.
    if (put?.[6] !== 'UPLOADED') throw new SnowflakeError(`upload: ${String(put?.[7])}`);
  } finally {
    await rm(file, { force: true });
  }
  const [copied] = await session.run(
    `COPY INTO ${loadTable} FROM ${stage}/${attempt}/ FILE_FORMAT = (TYPE = JSON) PURGE = TRUE`,
  );
  if (Number(copied?.[3]) !== lines.length) {
    throw new SnowflakeError(`of ${lines.length} rows ${String(copied?.[3])} were loaded`);
  }
}

export interface MergeOptions {
  readonly idsKeptMs: number;
  /** An event that is in this table already, from before its contract, stays there alone. */
  readonly unplanned: string;
}

/**
 * Merges the loaded lines into their tables, in one transaction.
 *
 * A MERGE sees what was committed before it began. So that two workers do not both find an event missing, a
 * transaction updates the row of the lock table first, for which the other waits.
 *
 * Snowflake ends a transaction that is idle while others wait, and a COMMIT after that succeeds with nothing.
 * So the update puts the name of the transaction into the row: a MERGE without its transaction does not
 * find the name and inserts nothing, and only what is there after the COMMIT was committed.
 */
export async function mergeLines(
  session: SnowflakeSession,
  plans: readonly TablePlan[],
  { idsKeptMs, unplanned }: MergeOptions,
): Promise<void> {
  const holder = randomUUID();
  const recent = `>= DATEADD(second, -${Math.ceil(idsKeptMs / 1_000)}, CURRENT_TIMESTAMP())`;
  await session.run('BEGIN');
  const [updated] = await session.run(
    `UPDATE ${lockTable} SET "HOLDERS" = LEFT('${holder} ' || "HOLDERS", ${holdersCharactersMax})`,
  );
  if (Number(updated?.[0]) === 0) {
    throw new SnowflakeError(
      `the table ${lockTable} has lost its row, which the next session makes`,
    );
  }
  for (const plan of plans) {
    const other = plan.event === undefined ? undefined : unplanned;
    await session.run(mergeStatement(plan, holder, { recent, other }));
  }
  await session.run('COMMIT');
  const found = await session.run(`SELECT 1 FROM ${lockTable} WHERE "HOLDERS" LIKE '%${holder}%'`);
  if (found.length === 0) throw new SnowflakeError('the transaction was ended before its COMMIT');
}

function mergeStatement(
  plan: TablePlan,
  holder: string,
  { recent, other }: { readonly recent: string; readonly other: string | undefined },
): string {
  const columns = declaredColumns(plan, snowflakeDialect);
  const names = columns.map(({ name }) => quoted(name));
  const values = columns.map(({ name, declared }) =>
    name === 'delivered_at'
      ? `CURRENT_TIMESTAMP()::${declared} AS ${quoted(name)}`
      : `${expressionOf(name, declared)} AS ${quoted(name)}`,
  );
  const [join, isNew] =
    other === undefined
      ? ['', '']
      : [
          `LEFT JOIN ${quoted(other)} AS o
        ON o."EVENT_ID" = l."ROW":"event_id"::VARCHAR AND o."DELIVERED_AT" ${recent}`,
          'AND o."EVENT_ID" IS NULL',
        ];
  return `
    MERGE INTO ${quoted(plan.table)} AS t USING (
      SELECT ${values.join(', ')}
      FROM ${loadTable} AS l ${join}
      WHERE l."ROW":"${tableMember}"::VARCHAR = ${literal(plan.table)} ${isNew}
        AND EXISTS (SELECT 1 FROM ${lockTable} WHERE "HOLDERS" LIKE '${holder}%')
    ) AS s
    ON t."EVENT_ID" = s."EVENT_ID" AND t."DELIVERED_AT" ${recent}
    WHEN NOT MATCHED THEN INSERT (${names.join(', ')})
    VALUES (${names.map((name) => `s.${name}`).join(', ')})`;
}

/** So old a file was left by a process that was killed: an upload has given up long before. */
const leftMs = 60 * 60_000;

/** Makes the folder, for its own user alone. */
export function openSpool(spool: string): void {
  mkdirSync(spool, { recursive: true, mode: 0o700 });
}

/** Removes what killed processes left in the folder. Others may use it at the same time. */
export async function clearSpool(spool: string): Promise<void> {
  for (const name of await readdir(spool)) {
    if (!name.endsWith('.json.gz')) continue;
    const file = path.join(spool, name);
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > leftMs) await rm(file, { force: true });
  }
}
