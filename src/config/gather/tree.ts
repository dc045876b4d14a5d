import { editDistance, nearest } from './nearest.ts';
import { type Environment, type RawValue, rawFromFile } from './raw-value.ts';
import type { Setting } from '../setting.ts';

/** State shared by the gathering steps. */
export interface GatherContext {
  /** The name of the file, for messages. */
  readonly file: string;
  readonly env: Environment;
  readonly faults: string[];
}

/** The location of a tree in the file. */
export interface TreePlace extends GatherContext {
  /** `destinations.crm`; empty at the top. */
  readonly under: string;
  /** Known keys that are not settings, for the nearest name. */
  readonly sections?: readonly string[];
}

/** Flattens a tree of the file to values by setting path. Reports unknown keys. */
export function collectLeaves(
  tree: ReadonlyMap<unknown, unknown>,
  table: Readonly<Record<string, Setting>>,
  place: TreePlace,
): Map<string, RawValue> {
  const paths = Object.keys(table);
  const values = new Map<string, RawValue>();
  const visit = (node: ReadonlyMap<unknown, unknown>, prefix: string): void => {
    for (const [key, value] of node) {
      const path = prefix + String(key);
      const full = place.under === '' ? path : `${place.under}.${path}`;
      const from = `${place.file}: ${full}`;
      const hasParts = paths.some((known) => known.startsWith(`${path}.`));
      // A setting may be a text, or a map of its own settings.
      if (Object.hasOwn(table, path) && !(hasParts && value instanceof Map)) {
        values.set(path, rawFromFile(from, value, place.env, place.faults));
      } else if (!hasParts) {
        const known = nearestPath(path, [...paths, ...(place.sections ?? [])]);
        place.faults.push(`${from}: is not known; the nearest key that is: ${known}`);
      } else if (value instanceof Map) {
        visit(value, `${path}.`);
      } else if (value !== null) {
        place.faults.push(`${from}: is not a map: write its settings below it, indented`);
      }
    }
  };
  visit(tree, '');
  return values;
}

/**
 * The known path that is nearest to an unknown one. A right name in the wrong section is a likely
 * mistake too, so the last words are compared as well. On a tie, a misspelled path comes first.
 */
function nearestPath(path: string, paths: readonly string[]): string | undefined {
  const sections = paths.map((known) => known.split('.')[0] ?? known);
  const spelled = nearest(path, [...sections, ...paths]);
  const last = nearest(lastOf(path), paths.map(lastOf));
  if (spelled === undefined || last === undefined) return spelled;
  const isElsewhere = editDistance(lastOf(path), last) + 1 < editDistance(path, spelled);
  return isElsewhere ? paths.find((known) => lastOf(known) === last) : spelled;
}

function lastOf(path: string): string {
  return path.split('.').at(-1) ?? path;
}
