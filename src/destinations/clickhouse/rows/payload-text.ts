import { isAscii } from 'node:buffer';

const decoder = new TextDecoder();

/** The text of a payload, and whether it is ASCII: as nearly all are, and then a character is a byte. */
export interface PayloadText {
  readonly text: string;
  readonly isAscii: boolean;
}

export function payloadText(payload: Uint8Array): PayloadText {
  if (!isAscii(payload)) return { text: decoder.decode(payload), isAscii: false };
  const { buffer, byteOffset, byteLength } = payload;
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(buffer, byteOffset, byteLength);
  return { text: bytes.toString('latin1'), isAscii: true };
}
