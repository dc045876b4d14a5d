/** Characters of JSON, as bytes of UTF-8 or as codes of a text. */
export const quote = 0x22;
export const plus = 0x2b;
export const comma = 0x2c;
export const minus = 0x2d;
export const dot = 0x2e;
export const zero = 0x30;
export const nine = 0x39;
export const colon = 0x3a;
export const bracket = 0x5b;
export const backslash = 0x5c;
export const bracketEnd = 0x5d;
export const brace = 0x7b;
export const braceEnd = 0x7d;

export function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}

/** Up to the largest that a double holds exactly. */
export const powersOfTen = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
