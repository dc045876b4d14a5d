import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

import type { Chance } from '../endpoints/chance.ts';

/** Changes bytes without a view of what they mean. */
export function mutateBytes(chance: Chance, body: Buffer): Buffer {
  const at = (): number => chance.below(body.length + 1);
  const splice = (part: Uint8Array): Buffer => {
    const start = at();
    const end = start + chance.below(part.length + 1);
    return Buffer.concat([body.subarray(0, start), part, body.subarray(end)]);
  };
  switch (chance.below(9)) {
    case 0:
      return chance.bytes(chance.below(2 * body.length + 2));
    case 1:
      return body.subarray(0, at());
    case 2:
      return body.subarray(at());
    case 3: {
      const flipped = Buffer.from(body);
      for (let count = chance.below(4); count >= 0 && flipped.length > 0; count -= 1) {
        flipped[chance.below(flipped.length)]! ^= 1 << chance.below(8);
      }
      return flipped;
    }
    case 4:
      return splice(chance.bytes(chance.below(8)));
    case 5:
      return splice(Buffer.alloc(chance.below(12), 0xff));
    case 6:
      return Buffer.concat([body, body]);
    case 7: {
      const wrong = Buffer.from(body);
      const lengths = [0, 1, 0xffffffff, chance.below(1000)];
      if (wrong.length >= 5) wrong.writeUInt32BE(chance.pick(lengths), 1);
      return wrong;
    }
    default: {
      const texts = ['{', '[', '"', '\\', '\0', '1e999', '\\ud800', ',', '\r\n', '%', '&', '='];
      return splice(Buffer.from(chance.pick(texts)));
    }
  }
}

const deep = (count: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < count; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

/** Values that a field may have and that no sender should give it. */
const oddValues: readonly (() => unknown)[] = [
  () => null,
  () => [],
  () => ({}),
  () => '',
  () => ' ',
  () => true,
  () => -0,
  () => 1e308,
  () => -1,
  () => 2 ** 53,
  () => 1.5,
  () => deep(70),
  () => deep(3),
  () => 'x'.repeat(70_000),
  () => '\ud800',
  () => '\u0000',
  () => '\u202e\u{1f600}',
  () => '__proto__',
  () => 'constructor',
  () => '2026-02-30T25:61:61Z',
  () => '0000-01-01T00:00:00Z',
  () => '9999-12-31T23:59:60.999999999+23:59',
  () => 253402300800,
  () => Number.MIN_VALUE,
  () => [null, [null]],
  () => ({ toString: 1, __proto: null, constructor: 'x' }),
  () => Array.from({ length: 600 }, (_, index) => index),
  () => JSON.parse('{"__proto__":{"a":1},"":0}') as unknown,
  () => '99999999999999999999999999999',
  () => 'NaN',
];

/** Changes the JSON in one to three places: values, names, missing and doubled members. */
export function mutateJson(chance: Chance, body: Buffer): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return mutateBytes(chance, body);
  }
  const holder = { value };
  for (let count = chance.below(3); count >= 0; count -= 1) mutatePlace(chance, holder);
  const text = JSON.stringify(holder.value) ?? 'null';
  // Numbers and escapes that JSON.stringify never writes.
  if (chance.below(8) === 0) return Buffer.from(text.replace(/\d+/, chance.pick(oddNumbers)));
  // Every member twice: JSON.stringify writes none so.
  if (chance.below(12) === 0 && text.startsWith('{"')) {
    return Buffer.from(`${text.slice(0, -1)},${text.slice(1)}`);
  }
  return Buffer.from(text);
}

const oddNumbers = ['1e999', '-0', '00', '1E+400', '9'.repeat(400), '.5', '0x1', '1e-999', 'NaN'];

type Parent = Record<string, unknown>;

function mutatePlace(chance: Chance, holder: Parent): void {
  const places: [Parent, string][] = [];
  const collect = (parent: Parent, depth: number): void => {
    for (const name of Object.keys(parent)) {
      places.push([parent, name]);
      const child = parent[name];
      if (depth < 8 && typeof child === 'object' && child !== null) {
        collect(child as Parent, depth + 1);
      }
    }
  };
  collect(holder, 0);
  const [parent, name] = chance.pick(places);
  const action = chance.below(6);
  if (action === 0 && parent !== holder) {
    if (Array.isArray(parent)) parent.splice(Number(name), 1);
    else delete parent[name];
  } else if (action === 1 && !Array.isArray(parent) && parent !== holder) {
    const names = [
      '',
      '__proto__',
      'constructor',
      `${name}\u0000`,
      name.toUpperCase(),
      'x'.repeat(300),
    ];
    const renamed = chance.pick(names);
    Object.defineProperty(parent, renamed, {
      value: parent[name],
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else if (action === 2 && Array.isArray(parent[name])) {
    const list = parent[name] as unknown[];
    if (list.length < 200) parent[name] = [...list, ...list];
  } else parent[name] = chance.pick(oddValues)();
}

/** Compresses the body, with the right name, a wrong one, or in a broken form. */
export function compress(chance: Chance, body: Buffer): { name: string; body: Buffer } {
  const [name, packed] = chance.pick([
    ['gzip', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['br', brotliCompressSync(body)],
    ['gzip', body],
    ['identity', body],
  ] as const);
  if (chance.below(4) === 0) return { name, body: mutateBytes(chance, Buffer.from(packed)) };
  return { name: chance.below(8) === 0 ? 'br' : name, body: Buffer.from(packed) };
}

const oddHeaders: Readonly<Record<string, readonly string[]>> = {
  'grpc-timeout': ['', '0', '1x', '99999999H', '-1S', '1'.repeat(400), '0n'],
  'connect-timeout-ms': ['', '-1', '1.5', '99999999999', 'abc', '0'],
  'grpc-encoding': ['gzip', 'zstd', 'identity', '', 'nope', '__proto__'],
  'connect-content-encoding': ['gzip', 'nope', ''],
  'connect-protocol-version': ['1', '2', ''],
  'x-correlation-id': ['', ' ', '%00', 'x'.repeat(5000), '"\\'],
  traceparent: ['00', 'x'.repeat(5000), '00-0-0-0', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`],
  tracestate: ['a=b', 'x'.repeat(2000)],
  authorization: ['Basic', 'Basic %%%', 'Bearer', 'x'.repeat(2000), 'Basic Og=='],
  'content-type': [
    '',
    'application/json;',
    'APPLICATION/JSON',
    'application/json; charset=utf-16',
    'application/grpc',
    'application/grpc+json',
    'application/grpc-web-text',
    'application/connect+json',
    'application/cloudevents+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'multipart/form-data',
    'text/plain',
    'a/b',
  ],
  'x-write-key': ['', '__proto__', 'constructor'],
  'accept-encoding': ['gzip;q=x', '*', 'br'],
  'x-forwarded-for': ['', '::', '1.2.3.4, unknown', 'x'.repeat(3000)],
  origin: ['null', 'https://evil.example', 'x'],
  'sec-fetch-site': ['cross-site', 'same-origin', 'x'],
  'ce-specversion': ['0.3', '', '9'],
  'ce-time': ['never', ''],
  'webhook-timestamp': ['', '-1', '1e99'],
  'stripe-signature': ['', 't=,v1=', 't=1,v1=zz', 'x'.repeat(4000)],
  cookie: ['a=b; c'],
};

const oddPairs = Object.entries(oddHeaders).flatMap(([name, values]) =>
  values.map((value) => [name, value] as const),
);

export function oddHeader(chance: Chance): readonly [name: string, value: string] {
  return chance.pick(oddPairs);
}
