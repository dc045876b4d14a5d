import { create, ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';

/** A request with one extreme value, and what it is. */
export interface ExtremeRequest {
  readonly what: string;
  readonly message: Record<string, unknown>;
}

const [int64Min, int64Max, uint64Max] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];
const [int32Min, int32Max, uint32Max] = [-(2 ** 31), 2 ** 31 - 1, 2 ** 32 - 1];
const texts = [
  '',
  ' ',
  '*',
  '>',
  'a.b',
  'a:b',
  'crm:0',
  'crm:99999999999999999999',
  '\0',
  'x'.repeat(100_000),
  'é'.repeat(100_000),
];

const scalars: Partial<Record<ScalarType, readonly unknown[]>> = {
  [ScalarType.UINT64]: [0n, 1n, 2n ** 53n, 2n ** 53n + 1n, int64Max, uint64Max],
  [ScalarType.INT64]: [int64Min, -1n, 0n, 2n ** 53n + 1n, int64Max],
  [ScalarType.UINT32]: [0, 1, uint32Max],
  [ScalarType.INT32]: [int32Min, -1, 0, int32Max],
  [ScalarType.BOOL]: [false, true],
  [ScalarType.STRING]: texts,
};

/** Times and durations, also those that their messages do not allow. */
const moments = [
  ...[int64Min, -62_135_596_801n, -1n, 0n, 253_402_300_800n, int64Max].map((seconds) => ({
    seconds,
    nanos: 0,
  })),
  ...[int32Min, -1, 1_000_000_000, int32Max].map((nanos) => ({ seconds: 1n, nanos })),
];

/** Every field of a request at each of its extremes, the others as in `base`. */
export function* extremesOf(
  { fields }: DescMessage,
  base: Readonly<Record<string, unknown>>,
  path = '',
): Generator<ExtremeRequest> {
  for (const field of fields) {
    const name = `${path}${field.name}`;
    for (const value of valuesOf(field, base[field.localName] as object | undefined, name)) {
      const { what, message } = value;
      yield { what, message: { ...base, [field.localName]: message } };
    }
  }
}

function* valuesOf(field: DescField, base: object | undefined, name: string) {
  const shown = (value: unknown): string =>
    JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one)).slice(
      0,
      60,
    );
  const one = (message: unknown) => ({ what: `${name}: ${shown(message)}`, message });
  switch (field.fieldKind) {
    case 'scalar':
      for (const value of scalars[field.scalar] ?? []) yield one(value);
      return;
    case 'enum':
      for (const value of [0, 1, 999, int32Min]) yield one(value);
      return;
    case 'list':
      yield one([]);
      if (field.listKind === 'scalar') {
        for (const text of texts) yield one([text]);
        yield one(Array.from({ length: 10_000 }, () => 'a'));
      } else if (field.listKind === 'message') {
        yield one([create(field.message)]);
        yield one(Array.from({ length: 1_000 }, () => create(field.message)));
      }
      return;
    case 'map': {
      yield one({});
      if (field.mapKind !== 'scalar') throw new Error(`${name} has values without extremes yet`);
      const values = scalars[field.scalar] ?? [];
      for (const key of texts) yield one({ [key]: values[0] });
      for (const value of values) yield one({ order_completed: value, a: value });
      yield one(
        Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`a${at}`, values.at(-1)])),
      );
      return;
    }
    case 'message':
      if (/^google\.protobuf\.(Timestamp|Duration)$/.test(field.message.typeName)) {
        for (const moment of moments) yield one(moment);
      } else yield* extremesOf(field.message, { ...base } as Record<string, unknown>, `${name}.`);
      return;
  }
}
