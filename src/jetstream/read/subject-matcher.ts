/**
 * Whether a subject matches one that may hold the wildcards `*` and, as its last token, `>`
 * (https://docs.nats.io/nats-concepts/subjects#wildcards).
 */
export function createSubjectMatcher(wanted: string): (subject: string) => boolean {
  if (wanted === '>') return () => true;
  const tokens = wanted.split('.').map((token) => {
    if (token === '*') return '[^.]+';
    return token === '>' ? '.+' : token.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  const pattern = new RegExp(`^${tokens.join('\\.')}$`, 's');
  return (subject) => pattern.test(subject);
}
