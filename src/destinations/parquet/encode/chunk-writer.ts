import { constants, zstdCompressSync } from 'node:zlib';
import type { ColumnChunk, Encoding, SchemaElement } from 'hyparquet';
import type { ByteWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { GrowingBytes } from './growing-bytes.ts';
import { packBits } from './levels.ts';

/** The smallest or largest value of a column. */
export type Bound = number | bigint | boolean | Uint8Array;

/** What a reader needs to skip a column of a group of rows. */
export interface ColumnBounds {
  readonly low: Bound | undefined;
  readonly high: Bound | undefined;
  readonly nulls: number;
}

/** Writes the pages of a column of a group of rows: a dictionary first, if the values are indexes. */
export interface ChunkWriter {
  dictionary(values: Uint8Array, count: number): void;
  /**
   * @param isPresent 1 for each row that has a value, else 0.
   * @param count of those that have one.
   */
  page(isPresent: Uint8Array, count: number, values: Uint8Array): void;
  end(bounds: ColumnBounds): ColumnChunk;
}

const levels = new GrowingBytes();

/**
 * Of Zstandard. Ids, names and numbers get hardly smaller by the default level 3, most of them larger, and take twice
 * the time.
 */
const fast = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const thorough = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/** @param isJson its values are long texts, in which a longer search finds more that is alike. */
export function beginChunk(
  writer: ByteWriter,
  element: SchemaElement,
  { encoding, isJson }: { readonly encoding: Encoding; readonly isJson: boolean },
): ChunkWriter {
  const options = isJson ? thorough : fast;
  const start = writer.offset;
  let dataStart: number | undefined;
  let rows = 0;
  let uncompressed = 0;
  let pages = 0;
  const put = (type: string, header: object, before: Uint8Array, values: Uint8Array): void => {
    const compressed = zstdCompressSync(values, options);
    const from = writer.offset;
    writePageHeader(writer, {
      type,
      uncompressed_page_size: before.length + values.length,
      compressed_page_size: before.length + compressed.length,
      ...header,
    } as Parameters<typeof writePageHeader>[1]);
    uncompressed += writer.offset - from + before.length + values.length;
    writer.appendBytes(before);
    writer.appendBytes(compressed);
  };
  return {
    dictionary(values, count) {
      const header = { num_values: count, encoding: 'PLAIN' };
      put('DICTIONARY_PAGE', { dictionary_page_header: header }, new Uint8Array(), values);
    },
    page(isPresent, count, values) {
      levels.clear();
      // A row of a required column has nothing to say.
      if (element.repetition_type !== 'REQUIRED') packBits(levels, isPresent, 1);
      const header = {
        num_values: isPresent.length,
        num_nulls: isPresent.length - count,
        num_rows: isPresent.length,
        encoding,
        definition_levels_byte_length: levels.end,
        repetition_levels_byte_length: 0,
        is_compressed: true,
      };
      dataStart ??= writer.offset;
      put('DATA_PAGE_V2', { data_page_header_v2: header }, levels.written(), values);
      rows += isPresent.length;
      pages += 1;
    },
    end({ low, high, nulls }) {
      const isDictionary = encoding === 'RLE_DICTIONARY';
      const stats = [{ page_type: 'DATA_PAGE_V2' as const, encoding, count: pages }];
      return {
        meta_data: {
          type: element.type!,
          encodings: isDictionary ? ['PLAIN', encoding] : [encoding],
          path_in_schema: [element.name],
          codec: 'ZSTD',
          num_values: BigInt(rows),
          total_compressed_size: BigInt(writer.offset - start),
          total_uncompressed_size: BigInt(uncompressed),
          data_page_offset: BigInt(dataStart ?? start),
          ...(isDictionary ? { dictionary_page_offset: BigInt(start) } : {}),
          statistics: { min_value: low, max_value: high, null_count: BigInt(nulls) },
          encoding_stats: isDictionary
            ? [{ page_type: 'DICTIONARY_PAGE', encoding: 'PLAIN', count: 1 }, ...stats]
            : stats,
        },
        file_offset: BigInt(start),
      } as ColumnChunk;
    },
  };
}
