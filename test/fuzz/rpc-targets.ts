import {
  create,
  fromJson,
  toBinary,
  type DescField,
  type DescMessage,
  type DescMethod,
  type JsonValue,
} from '@bufbuild/protobuf';

import type { Chance } from '../endpoints/chance.ts';
import type { Target } from './target.ts';

const versions = ['1.1', '2'] as const;
const time = '2026-03-01T12:00:00.000Z';
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** One message in its frame, as gRPC and the streams of Connect have it. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** JSON of a message with some of its fields set, mostly to values of their type. */
function anyMessage(chance: Chance, message: DescMessage, depth = 0): JsonValue {
  const value: Record<string, JsonValue> = {};
  for (const field of message.fields) {
    if (chance.below(3) > 0 && depth < 4) value[field.jsonName] = anyField(chance, field, depth);
  }
  return value;
}

/** These leave the contract of the other endpoints' events alone, so that their events stay valid. */
const changesContracts = /\.(Activate|Deprecate|Register)SchemaRequest$/;

const scalars: readonly JsonValue[] = [
  '',
  'order_completed',
  'checkout',
  '1',
  1,
  0,
  -1,
  true,
  'default',
  1_000_000,
  '{"a":1}',
  '/user_id',
  time,
  'AAAA',
];

function anyField(chance: Chance, field: DescField, depth: number): JsonValue {
  const one = (): JsonValue => {
    if (field.name === 'event_name' && changesContracts.test(field.parent.typeName)) {
      return chance.pick(['invoice_paid', 'no_such_event', '']);
    }
    if (field.message !== undefined) {
      if (field.message.typeName === 'google.protobuf.Timestamp') return time;
      if (field.message.typeName === 'google.protobuf.Duration') return '1.5s';
      if (field.message.typeName.startsWith('google.protobuf.')) return { a: [1, null] };
      return anyMessage(chance, field.message, depth + 1);
    }
    if (field.enum !== undefined) return chance.pick([0, 1, 2, 99]);
    if (chance.below(6) === 0) return chance.pick(scalars);
    const { scalar } = field as { scalar?: number };
    if (scalar === 9) return chance.pick(scalars.filter((each) => typeof each === 'string'));
    if (scalar === 8) return chance.below(2) === 0;
    if (scalar === 12) return 'AAECAw==';
    return chance.pick([0, 1, 2, 100, 2 ** 31 - 1]);
  };
  if (field.fieldKind === 'list') return Array.from({ length: chance.below(4) }, one);
  if (field.fieldKind === 'map') return { a: one() };
  return one();
}

/** One RPC in every protocol and codec that the library serves. */
export function rpcTargets(port: Target['port'], method: DescMethod): Target[] {
  const { input, parent, methodKind } = method;
  const isStream = methodKind !== 'unary';
  const path = `/${parent.typeName}/${method.name}`;
  const name = `${parent.name} ${method.name}`;
  const asJson = (chance: Chance): Buffer => text(anyMessage(chance, input));
  const asProto = (chance: Chance): Buffer => {
    const value = anyMessage(chance, input);
    try {
      return Buffer.from(toBinary(input, fromJson(input, value)));
    } catch {
      return Buffer.from(toBinary(input, create(input)));
    }
  };
  const members = input.fields.map(({ jsonName }) => jsonName);
  const base = { port, method: 'POST', path, isStream, members };
  const connect = isStream ? 'application/connect+' : 'application/';
  const frames = isStream ? { frame: framed } : {};
  const grpc: Target = {
    ...base,
    name: `gRPC ${name}`,
    version: '2',
    contentType: 'application/grpc',
    isJson: false,
    frame: framed,
    sample: asProto,
  };
  return [
    grpc,
    ...versions.flatMap((version): Target[] => [
      {
        ...grpc,
        name: `gRPC-Web ${name} HTTP/${version}`,
        version,
        contentType: 'application/grpc-web+proto',
      },
      {
        ...base,
        ...frames,
        name: `Connect json ${name} HTTP/${version}`,
        version,
        contentType: `${connect}json`,
        isJson: true,
        sample: asJson,
      },
      {
        ...base,
        ...frames,
        name: `Connect proto ${name} HTTP/${version}`,
        version,
        contentType: `${connect}proto`,
        isJson: false,
        sample: asProto,
      },
    ]),
  ];
}
