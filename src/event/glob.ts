import { canonicalName } from './name/event-name.ts';

/** Returns whether the globs match an event's name. */
export type EventMatcher = (eventName: string) => boolean;

/**
 * Compiles globs on the event name: `order_*`, `*_completed`, `Order Completed`. `*` matches any
 * number of characters, every other character only itself. `\*` and `\\` match a star and a
 * backslash of the name. An empty list matches every event.
 *
 * Not a RegExp: a pattern with several `.*` can take polynomial time, and this runs for every
 * event.
 */
export function compileEventGlobs(globs: readonly string[]): EventMatcher {
  if (globs.length === 0 || globs.some((glob) => /^\*+$/.test(glob))) return () => true;
  const parsed = globs.map(partsOf);
  const names = new Set(parsed.filter((parts) => parts.length === 1).map(([name]) => name!));
  const patterns = parsed.filter((parts) => parts.length > 1);
  if (patterns.length === 0) return (eventName) => names.has(eventName);
  return (eventName) => {
    if (names.has(eventName)) return true;
    for (const parts of patterns) if (matchesParts(eventName, parts)) return true;
    return false;
  };
}

/** The name that a glob matches alone; undefined if it matches several. */
export function nameOfGlob(glob: string): string | undefined {
  const parts = partsOf(glob);
  return parts.length === 1 ? parts[0] : undefined;
}

/** The texts between the stars of a glob: one more than it has stars. */
function partsOf(glob: string): string[] {
  const parts = [''];
  for (const [piece, escaped] of glob.matchAll(/\\([*\\])|[^]/gu)) {
    if (piece === '*') parts.push('');
    else parts.push(`${parts.pop()!}${escaped ?? piece}`);
  }
  return parts.map(canonicalName);
}

/**
 * `parts` is the glob split at its stars. The first match of each middle part is the best match.
 */
function matchesParts(text: string, parts: readonly string[]): boolean {
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let from = first.length;
  for (let index = 1; index < parts.length - 1; index += 1) {
    const part = parts[index]!;
    const at = text.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return from <= end;
}
