import type { IncomingHttpHeaders } from 'node:http';

import { fieldKind } from './field-names.ts';
import { fieldOverheadBytes, type FieldSink } from './hpack-decode.ts';
import type { Field } from './static-table.ts';

/** Makes objects without inherited names, which a caller's header could be taken for, and V8 fast ones. */
function HeaderFields(): void {}
HeaderFields.prototype = Object.create(null) as object;

/** No fields yet. */
export function emptyHeaders(): IncomingHttpHeaders {
  return new (HeaderFields as unknown as new () => IncomingHttpHeaders)();
}

/** The bits of `seen`. */
const methodSeen = 1;
const schemeSeen = 2;
const pathSeen = 4;
const authoritySeen = 8;

/**
 * The fields of a request, or of its trailers, and whether they follow RFC 9113 §8.1 to §8.3. One for a
 * connection, used again for each block. Values are joined as Node's own server does.
 */
export class RequestHead implements FieldSink {
  headers: IncomingHttpHeaders = emptyHeaders();
  /** -1 if it is not given. */
  contentLength = -1;
  isMalformed = false;
  /** More than `listBytesMax`: what is above it is not kept. */
  isTooLarge = false;
  private readonly listBytesMax: number;
  private listBytes = 0;
  private seen = 0;
  private isTrailers = false;
  private hasPlain = false;

  constructor(listBytesMax: number) {
    this.listBytesMax = listBytesMax;
  }

  begin(isTrailers: boolean): void {
    this.headers = emptyHeaders();
    this.contentLength = -1;
    this.isMalformed = false;
    this.isTooLarge = false;
    this.listBytes = 0;
    this.seen = 0;
    this.isTrailers = isTrailers;
    this.hasPlain = false;
  }

  add(field: Field): void {
    const { name } = field;
    this.listBytes += name.text.length + field.value.length + fieldOverheadBytes;
    if (this.listBytes > this.listBytesMax) {
      this.isTooLarge = true;
      return;
    }
    if (!field.isSound) this.isMalformed = true;
    const value = withoutPadding(field.value);
    const { kind } = name;
    if (kind >= fieldKind.method && kind <= fieldKind.authority) {
      this.addPseudo(kind, name.text, value);
      return;
    }
    this.hasPlain = true;
    if (kind === fieldKind.malformed || kind === fieldKind.connectionSpecific)
      this.isMalformed = true;
    else if (kind === fieldKind.te && value !== 'trailers') this.isMalformed = true;
    else if (kind === fieldKind.contentLength) this.addLength(value);
    const { headers } = this;
    const before = headers[name.text];
    if (before === undefined) headers[name.text] = value;
    else if (kind === fieldKind.cookie) headers[name.text] = `${before as string}; ${value}`;
    else if (kind < fieldKind.contentLength) headers[name.text] = `${before as string}, ${value}`;
  }

  /** Whether the block was whole; a request with a part missing is malformed. */
  finish(): void {
    if (this.isTrailers || this.isTooLarge) return;
    const needed =
      this.headers[':method'] === 'CONNECT'
        ? methodSeen | authoritySeen
        : methodSeen | schemeSeen | pathSeen | (this.seen & authoritySeen);
    if (this.seen !== needed) this.isMalformed = true;
  }

  /** RFC 9113 §8.3: before all others, each once, in a request alone. */
  private addPseudo(kind: number, text: string, value: string): void {
    const bit = 1 << (kind - fieldKind.method);
    if (this.isTrailers || this.hasPlain || (this.seen & bit) !== 0) this.isMalformed = true;
    if (kind === fieldKind.path && value !== '*' && !value.startsWith('/')) this.isMalformed = true;
    if (kind === fieldKind.method && value === '') this.isMalformed = true;
    this.seen |= bit;
    this.headers[text] = value;
  }

  /** RFC 9110 §8.6: a list of the same number is that number; we take it sent once or twice. */
  private addLength(value: string): void {
    const length = /^[0-9]{1,15}$/.test(value) ? Number(value) : -1;
    if (length === -1 || (this.contentLength !== -1 && this.contentLength !== length)) {
      this.isMalformed = true;
    } else this.contentLength = length;
  }
}

/**
 * Without white space at its ends, as HTTP/1.1 takes it. RFC 9113 §8.2.1 has the request refused for it;
 * but "authorization: Bearer " is sent by callers that forgot their key, and the answer says so.
 */
function withoutPadding(value: string): string {
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  const isPadded = first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09;
  return isPadded ? value.trim() : value;
}

/** A block that was read, as long as nothing changes what it means. */
interface RememberedBlock {
  readonly bytes: Buffer;
  readonly version: number;
  readonly names: readonly string[];
  readonly values: readonly string[];
  readonly contentLength: number;
}

const blocksRemembered = 2;
const blockBytesMax = 512;

/**
 * Whole blocks found again by their bytes. A caller's encoder indexes what repeats, so that one call's
 * block is the next one's, byte for byte, and means the same while the dynamic table stays as it is.
 */
export class BlockMemory {
  private readonly blocks: RememberedBlock[] = [];
  private next = 0;

  /** Puts what was remembered into `head`. False: it has to be decoded. */
  recall(bytes: Buffer, from: number, to: number, version: number, head: RequestHead): boolean {
    for (const block of this.blocks) {
      if (block.version !== version || block.bytes.length !== to - from) continue;
      if (block.bytes.compare(bytes, from, to) !== 0) continue;
      head.begin(false);
      const { headers } = head;
      const { names, values } = block;
      for (let index = 0; index < names.length; index += 1) headers[names[index]!] = values[index]!;
      head.contentLength = block.contentLength;
      return true;
    }
    return false;
  }

  /** What was decoded without a change to the dynamic table, and is a sound request. */
  remember(bytes: Buffer, from: number, to: number, version: number, head: RequestHead): void {
    if (to - from > blockBytesMax) return;
    const { headers, contentLength } = head;
    const copy = Buffer.from(bytes.subarray(from, to));
    const values = Object.values(headers) as string[];
    this.blocks[this.next] = {
      bytes: copy,
      version,
      names: Object.keys(headers),
      values,
      contentLength,
    };
    this.next = (this.next + 1) % blocksRemembered;
  }
}
