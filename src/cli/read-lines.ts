/** One line of a file, as written. */
export interface Line {
  /** From 1, blank lines counted. */
  readonly number: number;
  /** Without the line end. If the line is too long, only its beginning. */
  readonly bytes: Buffer;
  readonly isTooLong: boolean;
}

const newline = 0x0a;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** How much of a long line is kept, so that a person can find it. */
const shownBytesMax = 1024;

/**
 * Splits a stream into lines and skips blank ones. Holds one chunk and one line of at most
 * `lineBytesMax` at a time, whatever the length of the stream.
 */
export async function* readLines(
  input: AsyncIterable<Buffer>,
  lineBytesMax: number,
): AsyncGenerator<Line[]> {
  let number = 0;
  let pieces: Buffer[] = [];
  let length = 0;

  const hold = (piece: Buffer): void => {
    length += piece.length;
    if (length <= lineBytesMax) pieces.push(piece);
    else if (pieces.length > 0) pieces = [Buffer.from(head(pieces, piece))];
    else pieces = [Buffer.from(piece.subarray(0, shownBytesMax))];
  };
  const take = (lines: Line[]): void => {
    number += 1;
    const isTooLong = length > lineBytesMax;
    const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    pieces = [];
    length = 0;
    const bytes = trim(number === 1 ? withoutMark(whole) : whole);
    if (bytes.length > 0 || isTooLong) lines.push({ number, bytes, isTooLong });
  };

  for await (const chunk of input) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      hold(chunk.subarray(start, end));
      take(lines);
      start = end + 1;
    }
    if (start < chunk.length) hold(chunk.subarray(start));
    yield lines;
  }
  const last: Line[] = [];
  if (length > 0) take(last);
  yield last;
}

function head(pieces: readonly Buffer[], next: Buffer): Buffer {
  return Buffer.concat([...pieces, next].slice(0, 2)).subarray(0, shownBytesMax);
}

function withoutMark(bytes: Buffer): Buffer {
  const hasMark = bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark);
  return hasMark ? bytes.subarray(byteOrderMark.length) : bytes;
}

/** Removes only the white space of JSON. Any other white space is an error in the line. */
function trim(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && isSpace(bytes[start]!)) start += 1;
  while (end > start && isSpace(bytes[end - 1]!)) end -= 1;
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;
}
