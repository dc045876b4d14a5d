import { zstdDecompressSync } from 'node:zlib';

import { parquetMetadata, parquetReadObjects, type ParquetParsers } from 'hyparquet';

import { storedText } from './stored-text.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The library takes U+FEFF from the beginning of a text, where it is a character of the event's. */
export const parsers: Partial<ParquetParsers> = {
  stringFromBytes: (bytes) => bytes && decoder.decode(bytes),
};

/** The stored events of a Parquet file of ours. Fields without a column are not in them. */
export async function readStoredRows(bytes: Uint8Array): Promise<Uint8Array[]> {
  const { rows } = await readRows(bytes);
  return rows.map((row) => Buffer.from(storedText(row)));
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
