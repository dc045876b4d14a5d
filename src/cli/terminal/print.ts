/** Writes one line to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** All format characters, such as a space without width, but not what joins two emoji. */
const unseen = /(?!(?<=[\p{Extended_Pictographic}\ufe0f])\u200d)\p{Cf}/gu;

/**
 * Text of another system, without characters that a terminal would take as commands. What cannot be
 * seen is an escape, so that two names that differ look different: `a\u200bb`.
 */
export function visible(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, (character) => (character === '\n' ? character : ' '))
    .replaceAll(unseen, (character) => `\\u${hex(character)}`);
}

function hex(character: string): string {
  const digits = character.codePointAt(0)!.toString(16).padStart(4, '0');
  return digits.length === 4 ? digits : `{${digits}}`;
}

/** As `visible`, and on one line. */
export function oneLine(text: string): string {
  return visible(text).replaceAll('\n', ' ');
}
