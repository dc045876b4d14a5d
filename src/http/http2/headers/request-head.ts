import type { IncomingHttpHeaders } from 'node:http';

import { fieldKind } from './field-names.ts';
import { fieldOverheadBytes, type FieldSink } from './hpack-decode.ts';
import type { Field } from './static-table.ts';

/**
 * Creates objects without inherited names, which a caller's header could collide with. V8 keeps
 * them fast.
 */
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
 * The fields of a request, or of its trailers, and whether they follow RFC 9113 §8.1 to §8.3. Each
 * connection has one and reuses it for every block. Repeated values are joined as in Node's own
 * server.
 */
export class RequestHead implements FieldSink {
  headers: IncomingHttpHeaders = emptyHeaders();
  /** -1 if the request does not give it. */
  contentLength = -1;
  isMalformed = false;
  /** True if the fields exceed `listBytesMax`. Fields above the limit are not kept. */
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
    if (!field.isValid) this.isMalformed = true;
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
    else if (name.text === 'host') this.isMalformed = true;
    else if (kind === fieldKind.cookie) headers[name.text] = `${before as string}; ${value}`;
    else if (kind < fieldKind.contentLength) headers[name.text] = `${before as string}, ${value}`;
  }

  /** Returns whether the block was complete. A request without a required part is malformed. */
  finish(): void {
    if (this.isTrailers || this.isTooLarge) return;
    const needed =
      this.headers[':method'] === 'CONNECT'
        ? methodSeen | authoritySeen
        : methodSeen | schemeSeen | pathSeen | (this.seen & authoritySeen);
    if (this.seen !== needed) this.isMalformed = true;
  }

  /**
   * RFC 9113 §8.3: pseudo-headers come before all other fields, each once, and only in a request.
   */
  private addPseudo(kind: number, text: string, value: string): void {
    const bit = 1 << (kind - fieldKind.method);
    if (this.isTrailers || this.hasPlain || (this.seen & bit) !== 0) this.isMalformed = true;
    if (kind === fieldKind.path && value !== '*' && !value.startsWith('/')) this.isMalformed = true;
    if (kind === fieldKind.method && value === '') this.isMalformed = true;
    this.seen |= bit;
    this.headers[text] = value;
  }

  /**
   * RFC 9110 §8.6: a repeated Content-Length is valid if the numbers are equal. We accept repeated
   * fields, but not a list in one field.
   */
  private addLength(value: string): void {
    const length = /^[0-9]{1,15}$/.test(value) ? Number(value) : -1;
    if (length === -1 || (this.contentLength !== -1 && this.contentLength !== length)) {
      this.isMalformed = true;
    } else this.contentLength = length;
  }
}

/**
 * Trims white space from both ends, as HTTP/1.1 does. RFC 9113 §8.2.1 says to refuse such a
 * request. But callers that forgot their key send "authorization: Bearer ", and our answer explains
 * that.
 */
function withoutPadding(value: string): string {
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  const isPadded = first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09;
  return isPadded ? value.trim() : value;
}

/** A decoded block. It is valid while the dynamic table stays the same. */
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
 * Recognises whole blocks by their bytes. A caller's encoder indexes repeated fields, so the blocks
 * of two calls are often identical, byte for byte, and mean the same while the dynamic table stays
 * the same.
 */
export class BlockMemory {
  private readonly blocks: RememberedBlock[] = [];
  private next = 0;

  /** Copies the remembered fields into `head`. Returns false if the block has to be decoded. */
  lookUp(bytes: Buffer, from: number, to: number, version: number, head: RequestHead): boolean {
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

  /** Remembers a valid request that was decoded without a change to the dynamic table. */
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
