import type { IncomingHttpHeaders } from 'node:http';

/** A request that has arrived completely. */
export interface CompleteRequest {
  /** The path with the query. */
  readonly url: string;
  /** Keyed by the name in lower case. Each name occurs once. */
  readonly headers: IncomingHttpHeaders;
  /** A view of the bytes that were read, not a copy. */
  readonly body: Buffer;
}

/**
 * The limit of the request line and the headers, with the empty line: four times what a browser
 * sends.
 */
export const headBytesMax = 8 * 1024;
export const headersMax = 64;
const lengthDigitsMax = 9;

const space = 0x20;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const colon = 0x3a;
const slash = 0x2f;

/** The bytes of a field name (RFC 9110 §5.6.2). A table lookup is faster than any comparison. */
const isToken = new Uint8Array(256);
for (const letter of "!#$%&'*+-.^_`|~") isToken[letter.charCodeAt(0)] = 1;
for (let code = 0; code < 256; code += 1) {
  if (/[0-9A-Za-z]/.test(String.fromCharCode(code))) isToken[code] = 1;
}

/** Visible ASCII and the space. A field value may hold more than that (RFC 9110 §5.5). */
const isText = new Uint8Array(256).fill(1, 0x20, 0x7f);

/**
 * Names as callers write them. A lookup avoids converting a name to lower case and allocating it
 * again: 0.3 µs a request.
 */
const knownNames = new Map<string, string>(
  [
    'accept',
    'accept-encoding',
    'accept-language',
    'authorization',
    'connect-protocol-version',
    'connect-timeout-ms',
    'connection',
    'content-encoding',
    'content-length',
    'content-type',
    'host',
    'traceparent',
    'tracestate',
    'user-agent',
    'x-correlation-id',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-write-key',
  ].flatMap((name) => [
    [name, name],
    [name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()), name],
  ]),
);

/**
 * Headers that change how a message is framed, what protocol its connection switches to, or how
 * Node returns their values.
 */
const refusedNames: ReadonlySet<string> = new Set([
  '__proto__',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Reads `bytes` as exactly one HTTP/1.1 `POST`. Returns undefined for anything else, even for one
 * byte more or less; Node's parser then validates the bytes.
 *
 * This is not a general HTTP/1.1 parser and must not become one. If two parsers on one path read
 * the same bytes differently, a caller can hide a request inside another one (request smuggling:
 * RFC 9112 §11.2). Most of these attacks concern where a body ends (§6.3). So this function refuses
 * everything that has two readings: line ends other than CRLF, folded lines, a space before the
 * colon, a repeated header, a transfer coding, a length with a sign or a leading zero, a second
 * request after the first. The remaining requests have only one reading, and a test compares it
 * with Node's.
 */
export function readCompleteRequest(bytes: Buffer): CompleteRequest | undefined {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  if (end === -1 || end + 4 > headBytesMax) return undefined;
  // One string; all others are slices of it. The bytes themselves are checked in place.
  const head = bytes.toString('latin1', 0, end + 2);
  if (!head.startsWith('POST ') || bytes[5] !== slash) return undefined;
  let at = 5;
  while (bytes[at] !== space && isText[bytes[at]!] === 1) at += 1;
  if (!head.startsWith(' HTTP/1.1\r\n', at)) return undefined;
  const url = head.slice(5, at);
  const headers = readHeaders(bytes, head, at + 11);
  if (headers === undefined) return undefined;
  const body = bytes.subarray(end + 4);
  if (!headers.host || lengthOf(headers['content-length']) !== body.length) return undefined;
  const { connection } = headers;
  if (connection !== undefined && connection !== 'keep-alive') return undefined;
  return { url, headers, body };
}

/** Reads every line from `at` to the end of the head. Returns undefined if a line is not plain. */
function readHeaders(bytes: Buffer, head: string, start: number): IncomingHttpHeaders | undefined {
  // Without a prototype, a lookup cannot find names that the caller did not send.
  const headers: IncomingHttpHeaders = Object.create(null);
  let at = start;
  let count = 0;
  while (at < head.length) {
    const nameAt = at;
    while (isToken[bytes[at]!] === 1) at += 1;
    if (at === nameAt || bytes[at] !== colon) return undefined;
    const name = nameOf(head.slice(nameAt, at));
    at += 1;
    while (bytes[at] === space) at += 1;
    const valueAt = at;
    while (isText[bytes[at]!] === 1) at += 1;
    if (bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) return undefined;
    let valueEnd = at;
    while (valueEnd > valueAt && bytes[valueEnd - 1] === space) valueEnd -= 1;
    count += 1;
    if (name === undefined || headers[name] !== undefined || count > headersMax) return undefined;
    headers[name] = head.slice(valueAt, valueEnd);
    at += 2;
  }
  return headers;
}

/** The name in lower case. Undefined if this reader does not accept it. */
function nameOf(sent: string): string | undefined {
  const known = knownNames.get(sent);
  if (known !== undefined) return known;
  const name = sent.toLowerCase();
  return refusedNames.has(name) ? undefined : name;
}

/** `Content-Length` in its only accepted spelling. -1 if it is missing or spelled differently. */
function lengthOf(text: string | undefined): number {
  if (text === undefined || text.length === 0 || text.length > lengthDigitsMax) return -1;
  let length = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return text.length > 1 && text.startsWith('0') ? -1 : length;
}
