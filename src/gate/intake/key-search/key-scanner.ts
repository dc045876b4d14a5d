/**
 * Where a write key may stand in a JSON text: names of members from the top, and `[]` for any element of
 * an array. At most `placeDepthMax` steps.
 */
export type KeyPlace = readonly string[];

/** `[]`, `properties`, `token`: the deepest that a vendor has. */
const placeDepthMax = 3;

/** A longer name is not part of a place, and a longer text is not a key. */
const textLengthMax = 256;

/**
 * Texts that each scan compares with the keys. Usual bodies have one text, or the same in every
 * event. Each comparison costs a SHA-256.
 */
export const candidatesMax = 16;

const outside = 0;
const skipping = 1;
const readingName = 2;
const readingKey = 3;

/**
 * Searches a JSON text for a write key while it arrives in parts, without decoding it: in constant
 * memory, at about a nanosecond per byte. Text that is not JSON does no harm, because the result
 * only decides which budget pays for a request: the decoder authenticates it again.
 */
export class KeyScanner {
  /** A text at one of the places is a key. */
  isFound = false;
  /** True if one of the places has a text. */
  hasCandidate = false;
  private readonly places: readonly KeyPlace[];
  private readonly isKey: (candidate: string) => boolean;
  private candidates = 0;
  private lastCandidate = '';

  private mode = outside;
  /** The number of objects and arrays around the next byte. */
  private depth = 0;
  /** By depth: whether the container is an object, and whether a name comes next. */
  private readonly isObject: boolean[] = [false];
  private readonly awaitsName: boolean[] = [false];
  /** By depth, one bit per place: set while the path to the next value is a prefix of the place. */
  private readonly ways: number[];
  /** The name or the key that is being read, as Latin-1, and whether it is too long to matter. */
  private text = '';
  private isTooLong = false;
  /** A backslash came; how many hexadecimal digits of `\u` are still to come, and their value so far. */
  private isEscaped = false;
  private digitsLeft = 0;
  private digits = 0;

  constructor(places: readonly KeyPlace[], isKey: (candidate: string) => boolean) {
    this.places = places;
    this.isKey = isKey;
    this.ways = [2 ** places.length - 1];
  }

  /** Reads the next part. Returns `isFound`. */
  push(bytes: Buffer): boolean {
    const { length } = bytes;
    let at = 0;
    while (at < length && !this.isFound) {
      if (this.mode === skipping) at = this.skip(bytes, at);
      else if (this.mode === outside) at = this.walk(bytes, at);
      else at = this.read(bytes, at);
    }
    return this.isFound;
  }

  /** Skips to the next text. */
  private walk(bytes: Buffer, from: number): number {
    const { length } = bytes;
    for (let at = from; at < length; at += 1) {
      switch (bytes[at]) {
        case 0x22: // "
          this.beginText();
          return at + 1;
        case 0x7b: // {
          this.enter(true);
          break;
        case 0x5b: // [
          this.enter(false);
          break;
        case 0x7d: // }
        case 0x5d: // ]
          if (this.depth > 0) this.depth -= 1;
          break;
        case 0x2c: // ,
          if (this.depth <= placeDepthMax && this.isObject[this.depth]!) {
            this.awaitsName[this.depth] = true;
            this.ways[this.depth] = 0;
          }
          break;
        default:
      }
    }
    return length;
  }

  private enter(isObject: boolean): void {
    const { depth, ways } = this;
    this.depth += 1;
    if (depth >= placeDepthMax) return;
    this.isObject[depth + 1] = isObject;
    this.awaitsName[depth + 1] = isObject;
    ways[depth + 1] = isObject ? 0 : this.waysThrough(depth, '[]');
  }

  /** The places that continue with `step` at `depth`. */
  private waysThrough(depth: number, step: string): number {
    const way = this.ways[depth]!;
    if (way === 0) return 0;
    let through = 0;
    for (const [index, place] of this.places.entries()) {
      const bit = 1 << index;
      if ((way & bit) !== 0 && place[depth] === step) through |= bit;
    }
    return through;
  }

  private beginText(): void {
    const { depth } = this;
    this.mode = skipping;
    if (depth === 0 || depth > placeDepthMax) return;
    if (this.isObject[depth]! && this.awaitsName[depth]!) {
      // The places for the members of an object are those of its value, one level up.
      if (this.ways[depth - 1] !== 0) this.mode = readingName;
      else this.awaitsName[depth] = false;
    } else if (this.isAtPlace(depth)) this.mode = readingKey;
    this.text = '';
    this.isTooLong = false;
  }

  /** Whether one of the places ends at the value that begins here. */
  private isAtPlace(depth: number): boolean {
    const way = this.ways[depth]!;
    return (
      way !== 0 &&
      this.places.some((place, index) => place.length === depth && (way & (1 << index)) !== 0)
    );
  }

  /** Skips to the end of a text that does not matter. */
  private skip(bytes: Buffer, from: number): number {
    const { length } = bytes;
    let at = from;
    if (this.isEscaped) {
      this.isEscaped = false;
      at += 1;
    }
    for (; at < length; at += 1) {
      const byte = bytes[at]!;
      if (byte === 0x22) {
        this.mode = outside;
        return at + 1;
      }
      if (byte === 0x5c) {
        at += 1;
        if (at === length) this.isEscaped = true;
      }
    }
    return length;
  }

  /** Reads a name or a key. */
  private read(bytes: Buffer, from: number): number {
    const { length } = bytes;
    for (let at = from; at < length; at += 1) {
      const byte = bytes[at]!;
      if (this.digitsLeft > 0) this.readDigit(byte);
      else if (this.isEscaped) this.readEscape(byte);
      else if (byte === 0x5c) this.isEscaped = true;
      else if (byte === 0x22) {
        this.endText();
        return at + 1;
      } else this.add(byte);
    }
    return length;
  }

  private readEscape(byte: number): void {
    this.isEscaped = false;
    if (byte === 0x75) {
      this.digitsLeft = 4;
      this.digits = 0;
    } else this.add(escapes.get(byte) ?? byte);
  }

  private readDigit(byte: number): void {
    this.digitsLeft -= 1;
    this.digits = this.digits * 16 + Number.parseInt(String.fromCharCode(byte), 16);
    if (this.digitsLeft > 0) return;
    for (const each of Buffer.from(String.fromCharCode(this.digits))) this.add(each);
  }

  private add(byte: number): void {
    if (this.text.length < textLengthMax) this.text += String.fromCharCode(byte);
    else this.isTooLong = true;
  }

  private endText(): void {
    const { depth, text, mode } = this;
    this.mode = outside;
    if (mode === readingName) {
      this.awaitsName[depth] = false;
      this.ways[depth] = this.isTooLong ? 0 : this.waysThrough(depth - 1, text);
      return;
    }
    const candidate = Buffer.from(text, 'latin1').toString('utf8').trim();
    if (candidate === '') return;
    this.hasCandidate = true;
    if (this.isTooLong || candidate === this.lastCandidate) return;
    if (this.candidates >= candidatesMax) return;
    this.candidates += 1;
    this.lastCandidate = candidate;
    this.isFound = this.isKey(candidate);
  }
}

/** What stands after a backslash, and what it means: where that is another byte. */
const escapes: ReadonlyMap<number, number> = new Map([
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
]);
