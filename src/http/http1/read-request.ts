import type { IncomingHttpHeaders } from 'node:http';

/** A request that is all here. */
export interface WholeRequest {
  /** The path and the query. */
  readonly url: string;
  /** By their names in lower case, each once. */
  readonly headers: IncomingHttpHeaders;
  /** A view of the bytes that were read. */
  readonly body: Buffer;
}

/** Of the request line and the headers, with the empty line: four times what a browser sends. */
export const headBytesMax = 8 * 1024;
export const headersMax = 64;
const lengthDigitsMax = 9;

const space = 0x20;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const colon = 0x3a;
const slash = 0x2f;

/** Of a field name (RFC 9110 §5.6.2). A table answers for a byte faster than any comparison. */
const isToken = new Uint8Array(256);
for (const letter of "!#$%&'*+-.^_`|~") isToken[letter.charCodeAt(0)] = 1;
for (let code = 0; code < 256; code += 1) {
  if (/[0-9A-Za-z]/.test(String.fromCharCode(code))) isToken[code] = 1;
}

/** Visible ASCII and the space: less than a field value may hold (RFC 9110 §5.5). */
const isText = new Uint8Array(256).fill(1, 0x20, 0x7f);

/** As callers write them. Looked up, a name is neither made lower case nor made again: 0.3 µs a request. */
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
 * These change how a message is framed, what its connection turns into, or how Node gives their values.
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
 * Reads `bytes` as one `POST` over HTTP/1.1, from its first byte to its last. Undefined: it is
 * anything else, even one byte more or less, and for Node's parser to validate.
 *
 * This is not a parser of HTTP/1.1 and must not become one. Where two parsers on one way read the same
 * bytes differently, a caller can hide a request in another's (request smuggling: RFC 9112 §11.2), and
 * most of that is about where a body ends (§6.3). So whatever has two readings is not read here: line
 * ends other than CRLF, folded lines, a space before the colon, a header twice, a transfer coding, a
 * length with a sign or a leading zero, a second request behind the first. What is left has one reading,
 * which a test compares with Node's.
 */
export function readWholeRequest(bytes: Buffer): WholeRequest | undefined {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  if (end === -1 || end + 4 > headBytesMax) return undefined;
  // One string, of which all others are slices; the bytes are looked at where they are.
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

/** Every line from `at` to the end of the head. Undefined: one is not plain. */
function readHeaders(bytes: Buffer, head: string, start: number): IncomingHttpHeaders | undefined {
  // Without a prototype no name finds what nobody sent.
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

/** In lower case; undefined: not one that is read here. */
function nameOf(sent: string): string | undefined {
  const known = knownNames.get(sent);
  if (known !== undefined) return known;
  const name = sent.toLowerCase();
  return refusedNames.has(name) ? undefined : name;
}

/** `Content-Length` as its one spelling has it; -1: missing, or in another. */
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
