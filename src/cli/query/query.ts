import { once } from 'node:events';
import path from 'node:path';

import { Command, Option } from 'commander';

import type { CommandContext } from '../command-context.ts';
import { commandSettings } from '../command-settings.ts';
import { configOption } from '../shared-options.ts';
import { csvFormat, jsonFormat, type QueryFormat } from './formats.ts';
import { tableFormat } from './table.ts';
import { openWarehouseReader } from './warehouse-reader.ts';

interface QueryOptions {
  readonly db?: string;
  readonly config?: string;
  readonly json?: true;
  readonly csv?: true;
  readonly table?: true;
}

/** `headgate query`: queries the embedded warehouse with SQL, even while a gate writes it. */
export function queryCommand({ env }: CommandContext): Command {
  return new Command('query')
    .description('query the SQLite warehouse with SQL, read-only')
    .argument('<sql>', 'one statement on the table events')
    .option('--db <file>', 'the warehouse (default: warehouse.db in data_dir)')
    .addOption(configOption())
    .addOption(new Option('--json', 'print a JSON array (default when not on a terminal)'))
    .addOption(new Option('--csv', 'print CSV').conflicts('json'))
    .addOption(
      new Option('--table', 'print a table (default on a terminal)').conflicts(['json', 'csv']),
    )
    .addHelpText(
      'after',
      `
Columns: event_id, event_name, source, timestamp, user_id, anonymous_id, idempotency_key,
schema_version, properties, context, occurred_at, sent_at, correlation_id, traceparent, sequence,
warnings, delivered_at, event_time. properties, context and warnings hold JSON: properties->>'$.total'.

Exit code: 0 done, 1 when SQLite refuses, 2 when the command was not understood.

Example:
  $ headgate query "select event_name, count(*) from events group by 1 order by 2 desc"`,
    )
    .action((sql: string, options: QueryOptions) => query(env, sql, options));
}

async function query(
  env: CommandContext['env'],
  sql: string,
  options: QueryOptions,
): Promise<void> {
  const file =
    options.db ??
    path.join(commandSettings(options.config, env, ['data_dir']).data_dir, 'warehouse.db');
  using warehouse = openWarehouseReader(file);
  const answer = warehouse.query(sql);
  await writeOut(formatOf(options, process.stdout)(answer));
}

/** The width if the terminal does not report one. */
const widthDefault = 120;

function formatOf(options: QueryOptions, stream: NodeJS.WriteStream): QueryFormat {
  if (options.csv) return csvFormat;
  if (options.table || (stream.isTTY && !options.json)) {
    return (answer) => tableFormat(answer, stream.columns ?? widthDefault);
  }
  return jsonFormat;
}

const pieceCharacters = 64 * 1024;

/** Stops quietly if the reader closes the pipe, as `| head` does. */
async function writeOut(pieces: Iterable<string>): Promise<void> {
  const { stdout } = process;
  let isClosed = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isClosed = true;
  });
  let held = '';
  const flush = async (): Promise<void> => {
    const text = held;
    held = '';
    if (!stdout.write(text) && !isClosed) await once(stdout, 'drain').catch(() => {});
  };
  for (const piece of pieces) {
    held += piece;
    if (held.length > pieceCharacters) await flush();
    if (isClosed) return;
  }
  await flush();
}
