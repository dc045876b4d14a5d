import { ScalarType, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';

import { EventSchema } from '../../../gen/headgate/v1/event_pb.ts';
import { EventResultSchema } from '../../../gen/headgate/v1/event_result_pb.ts';
import { BatchTrackRequestSchema } from '../../../gen/headgate/v1/track_service_pb.ts';

/** A JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

export const jsonObject: Schema = { type: 'object', additionalProperties: true };

export function refTo(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

const whole: Schema = { type: 'integer', minimum: 0 };

/** How REST writes a scalar: a 64-bit number too as a number. */
const scalars: Readonly<Partial<Record<ScalarType, Schema>>> = {
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.UINT32]: whole,
  [ScalarType.UINT64]: whole,
};

/** What REST writes for the well-known types. */
const wellKnown: Readonly<Record<string, Schema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Struct': jsonObject,
};

/** The messages of the contract as REST has them: names as in the proto, status words in lower case. */
export function messageSchemas(): Readonly<Record<string, Schema>> {
  const schemas: Record<string, Schema> = {};
  collect(EventResultSchema, schemas);
  const required: Readonly<Record<string, readonly string[]>> = {
    EventResult: namesOf(EventResultSchema).filter((name) => name !== 'error'),
    EventError: ['code', 'message', 'violations', 'help'],
    EventWarning: ['code', 'message', 'violations'],
    Violation: ['path', 'code', 'message'],
  };
  for (const [name, names] of Object.entries(required)) {
    schemas[name] = { ...schemas[name], required: names };
  }
  collect(EventSchema, schemas);
  collect(BatchTrackRequestSchema, schemas);
  // What is not among these is refused, and null is the same as leaving out.
  schemas['Event'] = strict(schemas['Event']!, ['event_name', 'idempotency_key']);
  schemas['BatchTrackRequest'] = strict(schemas['BatchTrackRequest']!, ['events']);
  return schemas;
}

function namesOf(message: DescMessage): string[] {
  return message.fields.map(({ name }) => name);
}

function strict(schema: Schema, required: readonly string[]): Schema {
  return { ...schema, required, additionalProperties: false };
}

function collect(message: DescMessage, schemas: Record<string, Schema>): Schema {
  const known = wellKnown[message.typeName];
  if (known !== undefined) return known;
  if (schemas[message.name] === undefined) {
    // Before its fields: one of them may be the message itself.
    schemas[message.name] = {};
    const properties = message.fields.map((field) => [field.name, fieldSchema(field, schemas)]);
    schemas[message.name] = { type: 'object', properties: Object.fromEntries(properties) };
  }
  return refTo(message.name);
}

function fieldSchema(field: DescField, schemas: Record<string, Schema>): Schema {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarSchema(field.scalar);
    case 'enum':
      return enumSchema(field.enum);
    case 'message':
      return collect(field.message, schemas);
    case 'list':
      if (field.listKind !== 'message') throw new TypeError(`no schema for ${field.name}`);
      return { type: 'array', items: collect(field.message, schemas) };
    case 'map':
      throw new TypeError(`no schema for ${field.name}`);
  }
}

function scalarSchema(scalar: ScalarType): Schema {
  const schema = scalars[scalar];
  if (schema === undefined) throw new TypeError(`no schema for the scalar ${scalar}`);
  return schema;
}

function enumSchema({ values }: DescEnum): Schema {
  return {
    enum: values.filter(({ number }) => number !== 0).map(({ name }) => name.toLowerCase()),
  };
}
