import type { RawValue } from '../gather/raw-value.ts';
import { readDefault, readValue } from './read-value.ts';
import type { Setting } from '../setting.ts';

/** The values of one table, and the location of each. */
export interface TableValues {
  readonly values: ReadonlyMap<string, unknown>;
  /** Paths of values whose problem is already reported. */
  readonly faulty: ReadonlySet<string>;
  /** The location of the value, or where it would be: the beginning of a message about it. */
  readonly from: (path: string) => string;
}

/** Reads each setting of a table, defaults included. Adds problems to `faults`. */
export function readTable(
  table: Readonly<Record<string, Setting>>,
  raws: ReadonlyMap<string, RawValue>,
  fromDefault: (path: string) => string,
  faults: string[],
): TableValues {
  const from = (path: string): string => raws.get(path)?.from ?? fromDefault(path);
  const values = new Map<string, unknown>();
  const faulty = new Set<string>();
  for (const [path, setting] of Object.entries(table)) {
    const raw = raws.get(path);
    if (raw?.broken) {
      faulty.add(path);
      continue;
    }
    const reading = raw ? readValue(setting, raw) : readDefault(setting);
    if ('fault' in reading) {
      faulty.add(path);
      faults.push(`${from(path)}: ${reading.fault}`);
    } else {
      values.set(path, reading.value);
    }
  }
  return { values, faulty, from };
}
