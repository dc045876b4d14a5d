import { zstdDecompressSync } from 'node:zlib';

import { parquetMetadata, parquetReadObjects, type ParquetParsers } from 'hyparquet';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The library takes U+FEFF from the beginning of a text, where it is a character of the event's. */
export const parsers: Partial<ParquetParsers> = {
  stringFromBytes: (bytes) => bytes && decoder.decode(bytes),
};

/** Columns of Parquet files and the fields of the stored event, in its order. JSON stays as it is. */
const fields: readonly (readonly [column: string, field: string, kind: 'text' | 'json'])[] = [
  ['event_id', 'eventId', 'text'],
  ['event_name', 'eventName', 'text'],
  ['source', 'source', 'text'],
  ['timestamp', 'timestamp', 'text'],
  ['event_time', 'eventTime', 'text'],
  ['user_id', 'userId', 'text'],
  ['anonymous_id', 'anonymousId', 'text'],
  ['idempotency_key', 'idempotencyKey', 'text'],
  ['schema_version', 'schemaVersion', 'json'],
  ['properties', 'properties', 'json'],
  ['context', 'context', 'json'],
  ['occurred_at', 'occurredAt', 'text'],
  ['correlation_id', 'correlationId', 'text'],
  ['sent_at', 'sentAt', 'text'],
  ['traceparent', 'traceparent', 'text'],
  ['warnings', 'warnings', 'json'],
];

/** The stored events of a Parquet file of ours. Fields without a column are not in them. */
export async function readStoredRows(bytes: Uint8Array): Promise<Uint8Array[]> {
  const { rows } = await readRows(bytes);
  return rows.map((row) => Buffer.from(`{${membersOf(row).join(',')}}`));
}

/** How many rows a Parquet file has. */
export function rowsOf(bytes: Uint8Array): number {
  return Number(parquetMetadata(Uint8Array.from(bytes).buffer).num_rows);
}

/** The rows of a whole Parquet file of ours, and what it says of its columns. */
export async function readRows(bytes: Uint8Array) {
  // A buffer of its own: the bytes may be a part of another.
  const file = Uint8Array.from(bytes).buffer;
  const metadata = parquetMetadata(file);
  const compressors = { ZSTD: (part: Uint8Array) => zstdDecompressSync(part) };
  return { metadata, rows: await parquetReadObjects({ file, metadata, compressors, parsers }) };
}

function membersOf(row: Readonly<Record<string, unknown>>): string[] {
  const members: string[] = [];
  for (const [column, field, kind] of fields) {
    const value = row[column] ?? null;
    if (value === null) continue;
    const text = value instanceof Date ? value.toISOString() : String(value);
    members.push(`"${field}":${kind === 'json' ? text : JSON.stringify(text)}`);
  }
  return members;
}
