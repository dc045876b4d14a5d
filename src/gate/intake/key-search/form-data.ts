/** Decodes the JSON text in the parameter `data` of a form, plain or in base64, part by part. */
export class FormDataReader {
  private readonly onText: (bytes: Buffer) => void;
  /** The name of the parameter that is being read, until its `=`. */
  private name = '';
  private state: 'name' | 'data' | 'other' | 'done' = 'name';
  /** Undefined while only spaces have arrived, so that the form of the value is unknown. */
  private isBase64: boolean | undefined = undefined;
  /** How many digits of `%XX` are missing, and the value of those that arrived. */
  private digitsLeft = 0;
  private digits = 0;
  /** Bits of base64 that are not a whole byte yet, and their number. */
  private bits = 0;
  private bitCount = 0;
  private out = Buffer.alloc(0);
  private outLength = 0;

  constructor(onText: (bytes: Buffer) => void) {
    this.onText = onText;
  }

  push(bytes: Buffer): void {
    if (this.state === 'done') return;
    if (this.out.length < bytes.length) this.out = Buffer.allocUnsafe(bytes.length);
    this.outLength = 0;
    for (const byte of bytes) this.take(byte);
    if (this.outLength > 0) this.onText(this.out.subarray(0, this.outLength));
  }

  private take(byte: number): void {
    if (this.digitsLeft > 0) {
      this.digitsLeft -= 1;
      this.digits = this.digits * 16 + Number.parseInt(String.fromCharCode(byte), 16);
      if (this.digitsLeft === 0) this.takeDecoded(this.digits & 0xff);
    } else if (byte === 0x25) {
      this.digitsLeft = 2;
      this.digits = 0;
    } else if (byte === 0x26) {
      // If `data` occurs more than once, the first one counts.
      this.state = this.state === 'data' ? 'done' : this.state === 'done' ? 'done' : 'name';
      this.name = '';
    } else if (byte === 0x3d && this.state === 'name') {
      this.state = this.name === 'data' ? 'data' : 'other';
    } else this.takeDecoded(byte === 0x2b ? 0x20 : byte);
  }

  private takeDecoded(byte: number): void {
    if (this.state === 'name') {
      if (this.name.length <= 4) this.name += String.fromCharCode(byte);
    } else if (this.state === 'data') this.takeValue(byte);
  }

  private takeValue(byte: number): void {
    if (this.isBase64 === undefined) {
      if (byte === 0x20 || (byte >= 9 && byte <= 13)) return;
      this.isBase64 = byte !== 0x5b && byte !== 0x7b;
    }
    if (!this.isBase64) {
      this.write(byte);
      return;
    }
    // A plus that was not escaped is a space by now.
    const value = byte === 0x20 ? 62 : sextets[byte]!;
    if (value < 0) return;
    this.bits = ((this.bits << 6) | value) & 0xffff;
    this.bitCount += 6;
    if (this.bitCount < 8) return;
    this.bitCount -= 8;
    this.write((this.bits >> this.bitCount) & 0xff);
  }

  /** A part never gets longer: a byte of text takes at least one byte of a form. */
  private write(byte: number): void {
    this.out[this.outLength] = byte;
    this.outLength += 1;
  }
}

/** Values by byte, for both alphabets of base64 (RFC 4648 §4 and §5). -1: not base64, skipped. */
const sextets = new Int8Array(256).fill(-1);
for (const alphabet of ['+/', '-_']) {
  const letters = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${alphabet}`;
  for (let value = 0; value < 64; value += 1) sextets[letters.charCodeAt(value)] = value;
}
