import { numberText } from '../event/changed-properties.ts';
import { parseExactly } from '../event/exact-numbers.ts';
import type { JsonValue } from '../event/json/json.ts';

/**
 * Writes a changed event as JSON. A number that stands where it stood in the original, with the same
 * value, keeps the digits of the original, of which a double holds only 15 to 17.
 */
export function writeExactly(changed: JsonValue, original: string): string {
  const exact = parseExactly(original);
  return JSON.stringify(exact === undefined ? changed : withDigits(changed, exact));
}

function withDigits(changed: unknown, exact: unknown): unknown {
  if (typeof changed === 'number') {
    const text = numberText(exact);
    return text !== undefined && Number(text) === changed ? exact : changed;
  }
  if (typeof changed !== 'object' || changed === null) return changed;
  if (typeof exact !== 'object' || exact === null) return changed;
  const at = exact as Readonly<Record<string, unknown>>;
  if (Array.isArray(changed)) return changed.map((item, index) => withDigits(item, at[index]));
  return Object.fromEntries(
    Object.entries(changed).map(([name, value]) => [
      name,
      withDigits(value, Object.hasOwn(at, name) ? at[name] : undefined),
    ]),
  );
}
