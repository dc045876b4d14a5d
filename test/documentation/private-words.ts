/** A word or phrase that only this project used, and what the field says. */
export interface PrivateWord {
  /** Matches in any case, also across the end of a line. */
  readonly pattern: RegExp;
  readonly write: string;
}

const word = (pattern: string, write: string): PrivateWord => ({
  pattern: new RegExp(`\\b(?:${pattern.replaceAll(' ', '\\s+')})\\b`, 'gi'),
  write,
});

/** Text once had a dialect of its own; a reader paid for each of these. They do not come back. */
export const privateWords: readonly PrivateWord[] = [
  word('doors?', 'endpoint'),
  word('judge[sd]?|judging|judge?ments?', 'validate, validation result'),
  word('mend(?:s|ed|ing)?', 'fix, correct'),
  word('told|tells', 'report, return, log, say'),
  word('books?', 'reconciliation, the counts'),
  word('how (?:it|they|things) stands?', 'status of'),
  word('places? in the log', 'consumer position'),
  word('(?:set|sets|setting|put|puts|putting) aside', 'delayed, renamed'),
  word('(?:who|whoever) watches', 'subscribers'),
  word('its doing|at fault', 'caused by'),
  word('in (?:its|their|our) (?:own )?words', 'in its format'),
  word('knock(?:s|ed|ing)?', 'request'),
  word('(?:sent|sends|goes|go) home', 'disconnected'),
  word('hand(?:s|ed|ing)?[ -]outs?', 'deliver, delivery'),
  word('foreign', 'vendor'),
  word('(?:can|cannot|could|to) be had', 'available'),
];

/** Names that keep such a word: they are public, or another field's. */
const allowed = [/\bHeadgate-Door\b/gi, /\bforeign keys?\b/gi];

/** Each private word in a text, in order, as `line 3: told (write: report, ...)`. */
export function privateWordsIn(text: string): string[] {
  const plain = allowed.reduce((rest, name) => rest.replaceAll(name, blank), text);
  return privateWords
    .flatMap(({ pattern, write }) =>
      [...plain.matchAll(pattern)].map(({ 0: found, index }) => ({ found, index, write })),
    )
    .toSorted((one, other) => one.index - other.index)
    .map(({ found, index, write }) => {
      const line = plain.slice(0, index).split('\n').length;
      return `line ${line}: ${found.replaceAll(/\s+/g, ' ')} (write: ${write})`;
    });
}

/** A text of the same lines with nothing in them. */
export function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}
