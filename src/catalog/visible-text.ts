/** Controls, format characters such as the bidi ones, half surrogate pairs, and other unseen ones. */
const unseen = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * A text as its reader must see it: in one line, and what cannot be seen, or would reverse the text
 * around it, as an escape: `\u202e`.
 */
export function visibleText(text: string): string {
  return visibleName(text.replaceAll(/[\s\u0085]+/g, ' '));
}

/** The name of a property, which differs from another one by white space too. */
export function visibleName(text: string): string {
  return text.replaceAll(unseen, escapes);
}

/** JSON text with the same values and nothing unseen; line ends between the values stay. */
export function visibleJson(text: string): string {
  return text.replaceAll(unseen, (character) => (character === '\n' ? '\n' : escapes(character)));
}

function escapes(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}
