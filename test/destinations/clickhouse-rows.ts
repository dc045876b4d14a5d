/** A row of an insert: the text of each column, undefined where it has no value. */
export type InsertedValues = Readonly<Record<string, string | undefined>>;

/** The rows of an insert, as the server reads them. */
export function insertedRows(query: string, body: Buffer): InsertedValues[] {
  if (query.endsWith('RowBinaryWithNamesAndTypes')) return binaryRows(body);
  const columns = /\(([^)]*)\)/
    .exec(query)![1]!
    .split(',')
    .map((name) => name.trim());
  return body
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const values = cellsOf(line);
      return Object.fromEntries(columns.map((name, at) => [name, values[at]]));
    });
}

/** The values of a line of TabSeparated. */
export function cellsOf(line: string): (string | undefined)[] {
  return line
    .replace(/\n$/, '')
    .split('\t')
    .map((cell) =>
      cell === '\\N' ? undefined : cell.replace(/\\(.)/g, (_, one: string) => plain[one]!),
    );
}

const plain: Readonly<Record<string, string>> = { '\\': '\\', t: '\t', n: '\n', r: '\r', 0: '\0' };

/** The rows of RowBinaryWithNamesAndTypes, with the types that the columns of every event have. */
export function binaryRows(body: Buffer): InsertedValues[] {
  let at = 0;
  const take = (bytes: number): Buffer => {
    if (at + bytes > body.length) throw new Error('the rows end within a value');
    at += bytes;
    return body.subarray(at - bytes, at);
  };
  const count = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = take(1)[0]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string => take(count()).toString();
  const list = (length: number): string[] => Array.from({ length }, text);
  const length = count();
  const names = list(length);
  const types = list(length);
  const readers: Readonly<Record<string, () => string>> = {
    String: text,
    UUID: () => {
      const [high, low] = [take(8), take(8)].map((half) => half.toReversed());
      const digits = Buffer.concat([high!, low!]).toString('hex');
      return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    },
    "DateTime64(3, 'UTC')": () => new Date(Number(take(8).readBigInt64LE())).toISOString(),
    UInt32: () => String(take(4).readUInt32LE()),
    UInt64: () => String(take(8).readBigUInt64LE()),
  };
  const value = (type: string): string | undefined => {
    const inner = /^(Nullable|LowCardinality)\((.*)\)$/.exec(type);
    if (inner === null) return readers[type]!();
    return inner[1] === 'Nullable' && take(1)[0] === 1 ? undefined : value(inner[2]!);
  };
  const rows: InsertedValues[] = [];
  while (at < body.length) {
    rows.push(Object.fromEntries(names.map((name, index) => [name, value(types[index]!)])));
  }
  return rows;
}
