import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';

/*
 * Bytes for the decoders' tests: messages of the contract as the wire format lets a client write
 * them, which is in many more ways than any library does.
 */

/** One field on the wire. */
type Piece = (writer: BinaryWriter) => void;

const bytesField =
  (field: number, value: Uint8Array): Piece =>
  (writer) =>
    writer.tag(field, WireType.LengthDelimited).bytes(value);

const stringField =
  (field: number, text: string): Piece =>
  (writer) =>
    writer.tag(field, WireType.LengthDelimited).string(text);

function message(pieces: readonly Piece[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const piece of pieces) piece(writer);
  return writer.finish();
}

/** A varint of ten bytes for a small number is legal too. */
const varintField =
  (field: number, value: bigint, long: boolean): Piece =>
  (writer) => {
    writer.tag(field, WireType.Varint);
    if (!long) writer.int64(value);
    else {
      const bytes: number[] = [];
      let rest = BigInt.asUintN(64, value);
      for (let at = 0; at < 9; at += 1, rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
      writer.raw(Uint8Array.from([...bytes, Number(rest & 1n)]));
    }
  };

const texts = fc.string({ unit: 'grapheme', maxLength: 10 });
const names = fc.oneof(texts, fc.constantFrom('__proto__', '', 'a', 'b', '1', 'constructor'));
const numbers = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 0, 5e-324, 1.7976931348623157e308, 2 ** 53, -(2 ** 63)),
);

const scalarValues: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constant(message([])),
  fc.bigInt(0n, 3n).map((value) => message([varintField(1, value, true)])),
  numbers.map((value) => message([(writer) => writer.tag(2, WireType.Bit64).double(value)])),
  texts.map((text) => message([stringField(3, text)])),
  fc
    .constantFrom(0n, 1n, 2n, 2n ** 32n, -1n)
    .map((value) => message([varintField(4, value, false)])),
);

/** Value, Struct and ListValue; a Value may set its oneof twice, and a name may come twice. */
const { struct: structs } = fc.letrec<{
  value: Uint8Array;
  struct: Uint8Array;
  list: Uint8Array;
}>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalarValues,
    tie('struct').map((struct) => message([bytesField(5, struct)])),
    tie('list').map((list) => message([bytesField(6, list)])),
    fc.tuple(scalarValues, scalarValues).map((both) => Buffer.concat(both)),
  ),
  struct: fc
    .array(fc.tuple(names, fc.option(tie('value'), { nil: undefined }), fc.boolean()), {
      maxLength: 4,
    })
    .map((entries) =>
      message(
        entries.map(([name, value, reversed]) => {
          const parts = [
            stringField(1, name),
            ...(value === undefined ? [] : [bytesField(2, value)]),
          ];
          return bytesField(1, message(reversed ? parts.toReversed() : parts));
        }),
      ),
    ),
  list: fc
    .array(tie('value'), { maxLength: 4 })
    .map((elements) => message(elements.map((element) => bytesField(1, element)))),
}));

const timestampOf = ([seconds, nanos, long]: [bigint, bigint, boolean]): Uint8Array =>
  message([varintField(1, seconds, long), varintField(2, nanos, long)]);

const seconds = fc.bigInt(-62_135_596_800n, 253_402_300_799n);
const nanos = fc.bigInt(0n, 999_999_999n);
const timestamps = fc.tuple(seconds, nanos, fc.boolean()).map(timestampOf);

/** Times that cannot be among them. */
export const anyTimestamps = fc
  .tuple(
    fc.oneof(seconds, fc.constantFrom(-62_135_596_801n, 253_402_300_800n, 2n ** 62n)),
    fc.oneof(nanos, fc.constantFrom(-1n, 1_000_000_000n)),
    fc.boolean(),
  )
  .map(timestampOf);

const eventPieces: fc.Arbitrary<Piece> = fc.oneof(
  fc.tuple(fc.constantFrom(1, 2, 3, 4), texts).map(([field, text]) => stringField(field, text)),
  fc.tuple(fc.constantFrom(5, 7), structs).map(([field, struct]) => bytesField(field, struct)),
  timestamps.map((time) => bytesField(8, time)),
  fc
    .tuple(fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n + 3n), fc.boolean())
    .map(([version, long]) => varintField(9, version, long)),
);

/** Fields that event.proto does not have, those it reserves (10 to 15) among them. */
const unknownPieces: fc.Arbitrary<Piece> = fc
  .tuple(fc.constantFrom(10, 12, 15, 16, 1000, 536_870_911), fc.constantFrom(0, 1, 2, 5))
  .map(([field, wireType]) => (writer: BinaryWriter) => {
    writer.tag(field, wireType as WireType);
    if (wireType === WireType.Varint) writer.uint32(7);
    else if (wireType === WireType.Bit64) writer.double(7);
    else if (wireType === WireType.LengthDelimited) writer.string('x');
    else writer.fixed32(7);
  });

export const eventBytes = fc.array(eventPieces, { maxLength: 12 }).map(message);

export const eventBytesWithUnknown = fc
  .tuple(
    fc.array(eventPieces, { maxLength: 5 }),
    fc.array(unknownPieces, { minLength: 1, maxLength: 3 }),
  )
  .map(([known, unknown]) => message([...known, ...unknown]));

/** TrackRequest: `event` may come more than once, and is merged. */
export const trackBytes = fc
  .array(eventBytes, { minLength: 0, maxLength: 3 })
  .map((events) => Buffer.from(message(events.map((event) => bytesField(1, event)))));

export const batchBytes = fc
  .tuple(
    fc.array(eventBytes, { minLength: 1, maxLength: 4 }),
    fc.array(structs, { maxLength: 2 }),
    fc.array(timestamps, { maxLength: 2 }),
    fc.array(fc.constantFrom(0n, 1n, 2n), { maxLength: 2 }),
  )
  .map(([events, contexts, times, flags]) =>
    Buffer.from(
      message([
        ...contexts.map((context) => bytesField(2, context)),
        ...events.map((event) => bytesField(1, event)),
        ...times.map((time) => bytesField(3, time)),
        ...flags.map((flag) => varintField(4, flag, false)),
      ]),
    ),
  );

export function inRequest(event: Uint8Array): Buffer {
  return Buffer.from(message([bytesField(1, event)]));
}

/** The same bytes with something done to them that no writer does. */
export const damagedBytes = fc
  .tuple(
    trackBytes,
    fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'insert', 'delete', 'cut')), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([bytes, changes]) => {
    let changed = [...bytes];
    for (const [where, byte, how] of changes) {
      const at = where % (changed.length + 1);
      if (how === 'set') changed[Math.min(at, Math.max(0, changed.length - 1))] = byte;
      else if (how === 'insert') changed.splice(at, 0, byte);
      else if (how === 'delete') changed.splice(at, 1);
      else changed = changed.slice(0, at);
    }
    return Buffer.from(changed);
  });

/**
 * Whether every field is one that the schema knows, in the wire type that the schema says.
 * protobuf-es reads a known field of another wire type as if it were of the right one; the specification calls
 * it an unknown field.
 */
export function keepsToSchema(schema: DescMessage, bytes: Uint8Array): boolean {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = schema.fields.find((candidate) => candidate.number === number);
    if (field === undefined || wireType !== wireTypeOf(field)) return false;
    if (wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number);
      continue;
    }
    const content = reader.bytes();
    if (!contentKeepsTo(field, content)) return false;
  }
  return true;
}

function contentKeepsTo(field: DescField, content: Uint8Array): boolean {
  if (field.fieldKind === 'message') return keepsToSchema(field.message, content);
  if (field.fieldKind === 'list' && field.listKind === 'message') {
    return keepsToSchema(field.message, content);
  }
  if (field.fieldKind !== 'map') return true;
  const reader = new BinaryReader(content);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if ((number !== 1 && number !== 2) || wireType !== WireType.LengthDelimited) return false;
    const part = reader.bytes();
    if (number === 2 && !keepsToSchema(field.message!, part)) return false;
  }
  return true;
}

function wireTypeOf(field: DescField): WireType {
  if (field.fieldKind === 'enum') return WireType.Varint;
  if (field.fieldKind !== 'scalar') return WireType.LengthDelimited;
  if (field.scalar === ScalarType.STRING) return WireType.LengthDelimited;
  return field.scalar === ScalarType.DOUBLE ? WireType.Bit64 : WireType.Varint;
}

export { bytesField, message, stringField, varintField };
