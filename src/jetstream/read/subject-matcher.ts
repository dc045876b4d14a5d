/**
 * Whether a subject matches one that may hold the wildcards `*` and, as its last token, `>`
 * (https://docs.nats.io/nats-concepts/subjects#wildcards). Token by token: a pattern made of a text that somebody sent may be
 * larger than a regular expression can be.
 */
export function createSubjectMatcher(wanted: string): (subject: string) => boolean {
  if (wanted === '>') return () => true;
  const tokens = wanted.split('.');
  const isOpen = tokens.at(-1) === '>';
  if (isOpen) tokens.pop();
  return (subject) => {
    let at = 0;
    for (const token of tokens) {
      if (at > subject.length) return false;
      const dot = subject.indexOf('.', at);
      const end = dot === -1 ? subject.length : dot;
      const isSame =
        token === '*' ? end > at : end - at === token.length && subject.startsWith(token, at);
      if (!isSame) return false;
      at = end + 1;
    }
    return isOpen ? at < subject.length : at > subject.length;
  };
}
