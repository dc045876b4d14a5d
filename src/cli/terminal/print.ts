/** Writes one line to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Text of another system, without characters that a terminal would take as commands. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => (character === '\n' ? character : ' '));
}

/** As `visible`, and on one line. */
export function oneLine(text: string): string {
  return visible(text).replaceAll('\n', ' ');
}
