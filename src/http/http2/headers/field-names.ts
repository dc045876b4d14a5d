/** What the rules of a request (RFC 9113 §8.2, §8.3) say about a field, by its name. */
export const fieldKind = {
  plain: 0,
  method: 1,
  scheme: 2,
  path: 3,
  authority: 4,
  /**
   * Not a valid name in a request: unknown pseudo-headers, upper case, text that is not a token.
   */
  malformed: 5,
  /** Specific to an HTTP/1.1 connection (RFC 9113 §8.2.2). */
  connectionSpecific: 6,
  te: 7,
  contentLength: 8,
  cookie: 9,
  /** If repeated, the first value counts, as in Node. The values of other fields are joined. */
  single: 10,
} as const;

/** The name of a field. Known names exist only once. */
export class FieldName {
  readonly text: string;
  readonly kind: number;

  constructor(text: string, kind: number) {
    this.text = text;
    this.kind = kind;
  }
}

const kinds: ReadonlyMap<string, number> = new Map([
  [':method', fieldKind.method],
  [':scheme', fieldKind.scheme],
  [':path', fieldKind.path],
  [':authority', fieldKind.authority],
  ['te', fieldKind.te],
  ['content-length', fieldKind.contentLength],
  ['cookie', fieldKind.cookie],
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map(
    (name) => [name, fieldKind.connectionSpecific] as const,
  ),
  ...[
    'age',
    'authorization',
    'content-encoding',
    'content-language',
    'content-location',
    'content-range',
    'content-type',
    'date',
    'etag',
    'expires',
    'from',
    'host',
    'if-modified-since',
    'if-range',
    'if-unmodified-since',
    'last-modified',
    'location',
    'max-forwards',
    'proxy-authorization',
    'range',
    'referer',
    'retry-after',
    'user-agent',
  ].map((name) => [name, fieldKind.single] as const),
]);

/** A token of RFC 9110 §5.6.2 without upper case, which RFC 9113 §8.2.1 forbids. */
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Looks up or creates a name from its text. */
export function fieldName(text: string): FieldName {
  const kind = kinds.get(text);
  if (kind !== undefined) return new FieldName(text, kind);
  return new FieldName(text, tokenPattern.test(text) ? fieldKind.plain : fieldKind.malformed);
}

/** Known names beyond the static table: headers that callers of an event gate send. */
const otherNames = [
  'te',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-trace-bin',
  'grpc-tags-bin',
  'traceparent',
  'tracestate',
  'x-correlation-id',
  'x-write-key',
  'connect-protocol-version',
  'connect-timeout-ms',
  'idempotency-key',
];

/** Finds known names by their bytes, without creating a string. */
export class KnownNames {
  private readonly buckets: (FieldName[] | undefined)[] = Array.from({ length: 256 });

  constructor(names: Iterable<FieldName>) {
    for (const name of names) this.add(name);
    for (const text of otherNames) this.add(fieldName(text));
  }

  find(bytes: Uint8Array, from: number, to: number): FieldName | undefined {
    const bucket = this.buckets[bucketOf(bytes, from, to)];
    if (bucket === undefined) return undefined;
    for (const name of bucket) if (isSame(name.text, bytes, from, to)) return name;
    return undefined;
  }

  private add(name: FieldName): void {
    const bytes = Buffer.from(name.text, 'latin1');
    const bucket = (this.buckets[bucketOf(bytes, 0, bytes.length)] ??= []);
    if (!bucket.some(({ text }) => text === name.text)) bucket.push(name);
  }
}

/** A hash of the length and three bytes, which is enough for a few known names. */
function bucketOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length === 0) return 0;
  return (
    (length * 37 + bytes[from]! * 7 + bytes[to - 1]! * 3 + bytes[from + (length >>> 1)]!) & 0xff
  );
}

function isSame(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let offset = 0; offset < text.length; offset += 1) {
    if (text.charCodeAt(offset) !== bytes[from + offset]) return false;
  }
  return true;
}
