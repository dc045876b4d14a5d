import { InvalidArgumentError } from 'commander';

import { likely } from '../../config/gather/nearest.ts';
import { parseDuration } from '../../config/units.ts';

/** Reads a whole number above 0. Throws an InvalidArgumentError, as all readers of options do. */
export function readCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Give a whole number above 0.');
}

/** Returns a reader of whole numbers from 1 to `max`. */
export function readCountUpTo(max: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (Number.isSafeInteger(count) && count > 0 && count <= max) return count;
    throw new InvalidArgumentError(`Give a whole number from 1 to ${max}.`);
  };
}

/**
 * Returns a reader of one of these names, for an option that is too long to list in the help. A name
 * that is not among them is an error, which lists those that are near it.
 */
export function readOneOf(names: readonly string[]): (text: string) => string {
  return (text) => {
    if (names.includes(text)) return text;
    const near = likely(text, names, 3);
    throw new InvalidArgumentError(
      near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Give one of ${names.join(', ')}.`,
    );
  };
}

/** Reads how long ago (`24h`), or an RFC 3339 time, to a Unix time in ms. */
export function readMoment(text: string): number {
  const ago = parseDuration(text);
  const moment = ago === undefined ? Date.parse(text) : Date.now() - ago;
  if (Number.isNaN(moment)) {
    throw new InvalidArgumentError('Give how long ago (90s, 24h, 7d), or an RFC 3339 time.');
  }
  return moment;
}

/** The id of a person. Empty would mean everyone. */
export function readUser(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Give a user_id or an anonymous_id.');
}
