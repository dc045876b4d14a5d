/** How the events in an object are written. */
export type ArchiveFormat = 'ndjson' | 'parquet';

/** What the key of an object says of it. */
export interface ArchiveObject {
  /** The day on which the events happened, `2026-03-01`, or `unknown`. */
  readonly day: string;
  readonly eventName: string;
  /** The file of the spool: range of sequences, id of the spool, number of the file. */
  readonly file: string;
  readonly events: number;
  readonly format: ArchiveFormat;
}

const endings: Readonly<Record<ArchiveFormat, string>> = {
  ndjson: 'ndjson.zst',
  parquet: 'parquet',
};

/** Hive's form, which DuckDB, ClickHouse and Spark read as columns: `event_date=2026-03-01/event=order_completed/`. */
export function keyOf(
  prefix: string,
  { day, eventName, file, events, format }: ArchiveObject,
): string {
  const name = `${file}.${events}.${endings[format]}`;
  return `${dayPrefix(prefix, day)}event=${escapeName(eventName)}/${name}`;
}

/** What the keys of a day begin with. */
export function dayPrefix(prefix: string, day: string): string {
  return `${prefix}event_date=${day}/`;
}

/** The key of rows of a table with typed columns, in the folders that the `parquet` destination has for them. */
export function tableKeyOf(prefix: string, folder: string, file: string, events: number): string {
  return `${prefix}${folder}/${file}.${events}.${endings.parquet}`;
}

/** The key of the manifest of a file, which is written after the objects that it lists. */
export function manifestKeyOf(prefix: string, day: string, file: string): string {
  return `${prefix}_manifest/event_date=${day}/${file}.json`;
}

const keyPattern =
  /^event_date=(\d{4}-\d{2}-\d{2}|unknown)\/event=([^/]+)\/(\d{12,}-\d{12,}\.[0-9a-f]{8}-\d+)\.(\d+)\.(ndjson\.zst|parquet)$/;

/** Undefined if another program wrote the object. */
export function readKey(prefix: string, key: string): ArchiveObject | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const found = keyPattern.exec(key.slice(prefix.length));
  if (found === null) return undefined;
  const [, day, escaped, file, events, ending] = found as unknown as string[];
  const eventName = unescapeName(escaped!);
  if (eventName === undefined) return undefined;
  return {
    day: day!,
    eventName,
    file: file!,
    events: Number(events),
    format: ending === endings.parquet ? 'parquet' : 'ndjson',
  };
}

/** Any event name as one part of a key: letters, digits, "_", "-" and "." stay as they are. */
export function escapeName(name: string): string {
  return encodeURIComponent(name).replaceAll(
    /[!'()*~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function unescapeName(escaped: string): string | undefined {
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}
