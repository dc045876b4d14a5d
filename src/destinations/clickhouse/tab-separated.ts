/*
 * The form of rows in an insert: https://clickhouse.com/docs/interfaces/formats/TabSeparated. JSON in it needs no
 * escapes for its quotes, as it does in the formats of JSON.
 */

export const tsvNull = '\\N';

// A tab or a line feed would end the value, and a backslash begins an escape.
// oxlint-disable-next-line no-control-regex
const special = /[\\\t\n\r\0]/;
// oxlint-disable-next-line no-control-regex
const everySpecial = /[\\\t\n\r\0]/g;

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\0': '\\0',
};

export function tsvText(text: string): string {
  return special.test(text) ? text.replace(everySpecial, (found) => escapes[found]!) : text;
}
