/*
 * Rows as text: https://clickhouse.com/docs/interfaces/formats/TabSeparated. The server fits a text to whatever type
 * its column has, so it is for tables whose columns somebody declared in another way.
 */
import { isUuid } from '../../../event/event-id.ts';
import { RowWriter } from './row-writer.ts';

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

function escaped(text: string): string {
  return special.test(text) ? text.replace(everySpecial, (found) => escapes[found]!) : text;
}

const lineFeed = 0x0a;

export class TextRows extends RowWriter {
  none(): void {
    this.#cell('\\N');
  }

  some(): void {}

  text(value: string): void {
    this.#cell(escaped(value));
  }

  uuid(value: string): boolean {
    if (!isUuid(value)) return false;
    this.#cell(value);
    return true;
  }

  time(value: string): void {
    this.#cell(value);
  }

  date(value: string): void {
    this.#cell(value);
  }

  uint32(value: number): void {
    this.#cell(String(value));
  }

  integer64(value: number | bigint): void {
    this.#cell(String(value));
  }

  integer256(value: bigint): void {
    this.#cell(String(value));
  }

  double(value: number): void {
    this.#cell(String(value));
  }

  boolean(value: boolean): void {
    this.#cell(String(value));
  }

  decimal(value: string): void {
    this.#cell(value);
  }

  shortDecimal(): boolean {
    return false;
  }

  /** In place of the tab after the last cell. */
  protected override end(): void {
    this.bytes[this.at - 1] = lineFeed;
  }

  #cell(text: string): void {
    this.reserve(3 * text.length + 1);
    this.at += this.bytes.write(`${text}\t`, this.at);
  }
}
