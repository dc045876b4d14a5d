/** Returns whether the globs match an event's name. */
export type EventMatcher = (eventName: string) => boolean;

/**
 * Compiles globs on the event name: `order_*`, `*_completed`, `order_completed`. `*` matches any
 * number of characters, every other character only itself. An empty list matches every event.
 *
 * Not a RegExp: a pattern with several `.*` can take polynomial time, and this runs for every
 * event.
 */
export function compileEventGlobs(globs: readonly string[]): EventMatcher {
  if (globs.length === 0 || globs.some((glob) => /^\*+$/.test(glob))) return () => true;
  const names = new Set(globs.filter((glob) => !glob.includes('*')));
  const patterns = globs.filter((glob) => glob.includes('*')).map((glob) => glob.split('*'));
  if (patterns.length === 0) return (eventName) => names.has(eventName);
  return (eventName) => {
    if (names.has(eventName)) return true;
    for (const parts of patterns) if (matchesParts(eventName, parts)) return true;
    return false;
  };
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
