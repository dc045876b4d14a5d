const millisecondsPerUnit = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const bytesPerUnit = new Map([
  ['', 1],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

/** Reads `500ms`, `10s`, `5m`, `1h`, `7d` to milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  return parse(text, millisecondsPerUnit);
}

/** Reads `512`, `256KiB`, `4MiB`, `1GiB`, `2TiB` to bytes; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  return parse(text, bytesPerUnit);
}

function parse(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, digits, unit] = /^(\d+)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = units.get(unit ?? '');
  if (digits === undefined || factor === undefined) return undefined;
  const value = Number(digits) * factor;
  // Beyond this a double does not hold every integer: the value read would differ.
  return Number.isSafeInteger(value) ? value : undefined;
}
