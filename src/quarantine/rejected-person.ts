import type { IncomingEvent } from '../event/incoming-event.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { readEntry, type RejectedEntry } from './rejected-entry.ts';

/** Whether a rejected event is of a person, by its user id or its anonymous id. */
export type IsOfPerson = (message: StoredMessage, user: string) => boolean;

/** Reads a rejected event in the form of its endpoint. Never throws. */
export type DecodeRejected = (entry: RejectedEntry) => IncomingEvent;

/** No writer of JSON escapes these, so that bytes without such an id need no decoding. */
const plainId = /^[A-Za-z0-9_.:@-]+$/;

/**
 * A rejected event is kept as it was sent, in the form of its endpoint: `decode` reads it. An event that
 * cannot be read is of a person if its text holds the id in quotes.
 */
export function createIsOfPerson(decode: DecodeRejected): IsOfPerson {
  return (message, user) => {
    const { buffer, byteOffset, byteLength } = message.payload;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    if (plainId.test(user) && !bytes.includes(user)) return false;
    const { userId, anonymousId } = decode(readEntry(message));
    if (userId === '' && anonymousId === '') return bytes.includes(JSON.stringify(user));
    return userId === user || anonymousId === user;
  };
}
