import { isExactly } from '../../event/canonical-number.ts';

/** Sixteen digits, or an exponent. A double represents any other number exactly. */
const suspicious = /\d[\d.]{15}|\d[eE][+-]?\d/;

/**
 * The first number of a JSON text that a double cannot represent, as written. Undefined if all are
 * exact. `1.50` and `1.5` are the same number.
 */
export function findInexactNumber(text: string): string | undefined {
  if (!suspicious.test(text)) return undefined;
  let found: string | undefined;
  const look = (_name: string, member: unknown, context?: { source?: string }): unknown => {
    const source = context?.source;
    if (typeof member === 'number' && source !== undefined && !isExactly(source, member)) {
      found ??= source;
    }
    return member;
  };
  JSON.parse(text, look);
  return found;
}
