interface Pattern {
  /** The pattern is tried only on text that contains this mark; most lines contain no mark. */
  readonly mark: string;
  readonly pattern: RegExp;
  readonly shown: string;
}

/** Every repetition is bounded, so that a hostile line costs no more than its length. */
const patterns: readonly Pattern[] = [
  { mark: '://', pattern: /:\/\/[^\s/@"\\]{1,256}@/g, shown: '://***@' },
  {
    mark: '@',
    pattern: /[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}/g,
    shown: '***@***',
  },
  { mark: ' ', pattern: /\b([Bb]earer|Basic) {1,4}[\w.~+/=-]{8,}/g, shown: '$1 ***' },
  { mark: 'hg_', pattern: /\bhg_[\w-]{8,}/g, shown: 'hg_***' },
  { mark: 'eyJ', pattern: /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, shown: '***' },
  {
    mark: '=',
    pattern:
      /\b((?:api_?key|access_token|token|secret|password|signature|sig|key)=)[^&\s"'\\]{1,1024}/gi,
    shown: '$1***',
  },
];

/**
 * Masks personal data and secrets in a log line that have a known form: e-mail addresses,
 * credentials, keys.
 *
 * Headgate itself logs no event data, but reasons may contain text of others (a database quotes the
 * row, a webhook what it received). All lines pass through here as the last step, so that no field
 * is missed. JSON stays JSON: no pattern matches a quote or a backslash.
 */
export function maskPersonal(line: string): string {
  let text = line;
  for (const { mark, pattern, shown } of patterns) {
    if (text.includes(mark)) text = text.replace(pattern, shown);
  }
  return text;
}
