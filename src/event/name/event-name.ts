/**
 * The rules for a name under `naming: any`: docs/adr/0041-any-event-name.md. Names of lower snake
 * case keep all of them.
 */

/** In UTF-8. A NATS subject, a metric label and a file name all have room for it, escaped. */
export const eventNameBytesMax = 128;

/**
 * Control characters, line and paragraph separators, half surrogate pairs, and the characters that
 * change the direction of the text around them: in a terminal they show another name.
 */
const forbidden = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2066-\u2069]/u;

const ascii = /^[\u0020-\u007e]*$/;

/** A longer text is no name, so that normalising it can be spared. In UTF-16 code units. */
const normalisedMax = 4 * eventNameBytesMax;

/**
 * One form for texts that look the same: Unicode's NFC. An é that was sent as two code points is the
 * same name as the é that was sent as one. ASCII stays as it is.
 */
export function canonicalName(name: string): string {
  return ascii.test(name) || name.length > normalisedMax ? name : name.normalize('NFC');
}

/** Why a text is no event name under `naming: any`; undefined if it is one. */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'is missing: send a name such as order_completed';
  if (name.length > eventNameBytesMax || Buffer.byteLength(name) > eventNameBytesMax) {
    return `must be at most ${eventNameBytesMax} bytes long in UTF-8`;
  }
  if (!ascii.test(name) && forbidden.test(name)) {
    return (
      'holds a control character, a line break, a character that turns the direction of text, or half ' +
      'of a surrogate pair: leave it out'
    );
  }
  return undefined;
}
