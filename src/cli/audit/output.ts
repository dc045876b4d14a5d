import { open, rename, rm } from 'node:fs/promises';

import { toJsonString } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';

import {
  AuditEntrySchema,
  type AuditedEvent,
  type AuditEntry,
} from '../../../gen/headgate/v1/audit_service_pb.ts';
import { StartError } from '../../errors.ts';
import { createTable } from '../terminal/table.ts';

export interface OutputOptions {
  readonly json?: true;
  readonly ndjson?: true;
  readonly out?: string;
}

/** Where the entries go. */
export interface AuditOutput {
  /** How many entries it takes by default. */
  readonly limit: number;
  write(entries: readonly AuditEntry[]): Promise<void> | void;
  end(): Promise<void> | void;
  /** After an error: what was written so far is not complete. */
  abandon(): Promise<void> | void;
}

/** A table is held in memory until its end. */
const tableRowsMax = 1_000;

/** On a terminal a table, into a pipe or a file one entry per line. Throws a StartError. */
export async function openOutput({ json, ndjson, out }: OutputOptions): Promise<AuditOutput> {
  if (out !== undefined) return openFile(out);
  if (json) return listOutput();
  if (ndjson || !process.stdout.isTTY) return lineOutput();
  return tableOutput();
}

const lineOf = (entry: AuditEntry): string => toJsonString(AuditEntrySchema, entry);
const nothing = (): void => {};

function lineOutput(): AuditOutput {
  return {
    limit: Infinity,
    write: (entries) => {
      for (const entry of entries) process.stdout.write(`${lineOf(entry)}\n`);
    },
    end: nothing,
    abandon: nothing,
  };
}

function listOutput(): AuditOutput {
  let separator = '[';
  return {
    limit: Infinity,
    write: (entries) => {
      for (const entry of entries) {
        process.stdout.write(`${separator}${lineOf(entry)}`);
        separator = ',\n';
      }
    },
    end: () => void process.stdout.write(separator === '[' ? '[]\n' : ']\n'),
    abandon: nothing,
  };
}

/** Only its owner may read it. */
const fileMode = 0o600;

async function openFile(file: string): Promise<AuditOutput> {
  const part = `${file}.part`;
  const handle = await open(part, 'w', fileMode).catch((cause: unknown) => {
    throw new StartError(`${part} cannot be written: ${(cause as Error).message}.`, { cause });
  });
  return {
    limit: Infinity,
    write: async (entries) => {
      await handle.write(entries.map((entry) => `${lineOf(entry)}\n`).join(''));
    },
    end: async () => {
      await handle.sync();
      await handle.close();
      await rename(part, file);
    },
    abandon: async () => {
      await handle.close();
      await rm(part, { force: true });
    },
  };
}

const headings = ['time', 'operator', 'from', 'action', 'on', 'outcome', 'why'];

function tableOutput(): AuditOutput {
  const table = createTable(headings);
  return {
    limit: tableRowsMax,
    write: (entries) => {
      for (const entry of entries) table.row(rowOf(entry));
    },
    end: table.end,
    abandon: table.end,
  };
}

export function rowOf(entry: AuditEntry): string[] {
  const { time, operator, address, action, dryRun, why } = entry;
  return [
    time === undefined ? '' : timestampDate(time).toISOString(),
    operator,
    address,
    dryRun ? `${action} (dry run)` : action,
    objectOf(entry),
    outcomeOf(entry),
    shortened(why),
  ];
}

/** How many events a cell names. */
const eventsShown = 3;
const cellCharactersMax = 80;

function objectOf({ target, events, eventCount }: AuditEntry): string {
  const named = Object.entries(target).map(([name, value]) => `${name}=${value}`);
  const ids = events.slice(0, eventsShown).map(idOf);
  const others = Number(eventCount) - ids.length;
  return shortened(
    [...named, ...ids, ...(others > 0 ? [`and ${others.toLocaleString('en')} more`] : [])].join(
      ' ',
    ),
  );
}

function idOf({ rejected, deadLetter, eventId, searched }: AuditedEvent): string {
  if (rejected !== 0n) return `#${rejected}`;
  return deadLetter || searched || eventId;
}

function outcomeOf({ outcome, counts, more }: AuditEntry): string {
  const counted = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  if (more) counted.push('more not asked for');
  return counted.length === 0 ? outcome : `${outcome}: ${counted.join(', ')}`;
}

function shortened(text: string): string {
  return text.length > cellCharactersMax ? `${text.slice(0, cellCharactersMax - 1)}…` : text;
}
