/** What whole rows have as their `traceparent`: no text that W3C's Trace Context allows. */
export const wholeMark = 'headgate:whole';

/**
 * Whether the column `properties` of a row of a file has the whole stored event (file.ts). Rows
 * of both kinds wait in one spool after `format` was changed.
 */
export function isWholeRow(row: Readonly<Record<string, unknown>>): boolean {
  return row['traceparent'] === wholeMark;
}
