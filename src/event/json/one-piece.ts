/**
 * The same text. V8 keeps a text that was put together as its pieces, and copies each of them wherever the text
 * becomes part of bytes. Asked for a character it makes one piece of them: for a text that is used often.
 */
export function inOnePiece(text: string): string {
  // What is asked for has to count, or the compiler leaves the question out.
  return text.charCodeAt(0) === 0 ? text.slice(0) : text;
}
