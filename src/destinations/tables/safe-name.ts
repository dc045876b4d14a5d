import { createHash } from 'node:crypto';
import { reservedWords } from './reserved-words.ts';

/** A view that reads all columns of a table is named after it. */
export const viewSuffix = '_all';

/** Beginnings of names that only Headgate gives. */
export const ownPrefix = 'headgate_';

/** The table of events without a contract. */
export const unplannedTable = 'unplanned_events';

/** Names that mean something else: tables of Headgate. Those with `id` are its indexes of ids in SQLite. */
const ownTables: ReadonlySet<string> = new Set([
  'events',
  unplannedTable,
  `${ownPrefix}tables`,
  'event_ids',
  'event_id_runs',
  'event_id_merge',
  `${ownPrefix}ids`,
  `${ownPrefix}id_runs`,
  `${ownPrefix}id_merge`,
]);

/** SQLite refuses such names; those of PostgreSQL's own tables are found before others. */
const enginePrefix = /^(sqlite|pg)_/;

/** Lower snake case. */
export const snakeForm = /^[a-z][a-z0-9_]*$/;
const hashed = /_x[0-9a-f]{12}$/;
const hashLength = '_x'.length + 12;

/**
 * The table of an event. A name of lower snake case is its own table. Any other, and one that is too
 * long, reserved, or formed like a name that Headgate makes, is written in lower snake case and ends in a
 * hash of the whole name, so that no two events share a table.
 *
 * @param bytesMax of a name in the engine, which the table's view must keep, too.
 */
export function tableNameOf(event: string, bytesMax: number, prefix = ''): string {
  const room = bytesMax - prefix.length - viewSuffix.length;
  const isOwn =
    snakeForm.test(event) &&
    event.length <= room &&
    !isTaken(event) &&
    !ownTables.has(prefix + event);
  if (isOwn) return prefix + event;
  const base = snakeCase(event) || 'event';
  return prefix + hashedName(enginePrefix.test(base) ? `event_${base}` : base, event, room);
}

function isTaken(name: string): boolean {
  return (
    reservedWords.has(name) ||
    ownTables.has(name) ||
    enginePrefix.test(name) ||
    name.startsWith(ownPrefix) ||
    name.endsWith(viewSuffix) ||
    hashed.test(name)
  );
}

/**
 * Gives names to the columns of one table, each once. The first to ask for a name has it, so that the
 * order must not change: what is asked for later never changes an earlier name.
 */
export interface ColumnNames {
  /** @param version of a column whose type has changed. */
  nameOf(path: readonly string[], version?: number): string;
}

/** @param taken names of the columns that every table has. */
export function createColumnNames(taken: Iterable<string>, bytesMax: number): ColumnNames {
  const names = new Set(taken);
  const claim = (name: string): string | undefined => {
    const isFree = name.length <= bytesMax && !names.has(name) && !isReservedColumn(name);
    if (isFree) names.add(name);
    return isFree ? name : undefined;
  };
  return {
    nameOf(path, version) {
      const base = path.map(snakeCase).filter(Boolean).join('_');
      const suffix = version === undefined ? '' : `_v${version}`;
      // JSON, so that the path a, b has another hash than the path of the one name "a,b".
      const text = JSON.stringify([path, version]);
      const wanted = base === '' ? undefined : `${base}${suffix}`;
      const first = wanted === undefined ? undefined : claim(wanted);
      if (first !== undefined) return first;
      const named = wanted === undefined ? undefined : claim(`property_${wanted}`);
      if (named !== undefined) return named;
      const name = hashedName(base || 'property', text, bytesMax);
      names.add(name);
      return name;
    },
  };
}

function isReservedColumn(name: string): boolean {
  return reservedWords.has(name) || name.startsWith(ownPrefix) || hashed.test(name);
}

/** Not UTF-8, in which all half surrogate pairs are the same. */
function hashedName(base: string, whole: string, bytesMax: number): string {
  const hash = createHash('sha256').update(whole, 'utf16le').digest('hex').slice(0, 12);
  return `${base.slice(0, bytesMax - hashLength)}_x${hash}`;
}

/**
 * Letters and digits of ASCII in lower snake case: `orderId` and `Order ID` are `order_id`. Accents are
 * left out; empty if nothing is left. Lower snake case stays as it is.
 */
export function snakeCase(name: string): string {
  if (snakeForm.test(name)) return name;
  const words = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_|_$/g, '')
    .toLowerCase();
  return /^\d/.test(words) ? `n${words}` : words;
}
