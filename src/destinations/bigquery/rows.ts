import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import { eventColumns } from '../tables/event-columns.ts';
import { addMisfits, misfitsAt, type EventRow } from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import type { DeclaredColumn } from '../described-tables.ts';
import { columnsOf, fieldValue, type FieldValue } from './columns.ts';

/** `FieldDescriptorProto.Type` of a column: https://cloud.google.com/bigquery/docs/supported-data-types */
const fieldTypes: Readonly<Record<string, number>> = {
  FLOAT: 1,
  TIMESTAMP: 3,
  INTEGER: 3,
  DATE: 5,
  BOOLEAN: 8,
  // As is BIGNUMERIC, in digits.
  STRING: 9,
};
const textType = 9;
const optionalLabel = 1;

/** The `DescriptorProto` of rows with these columns, for `writer_schema`. */
export function rowDescriptor(columns: readonly DeclaredColumn[]) {
  return {
    name: 'Row',
    field: columns.map(({ name, declared }, at) => ({
      name,
      number: at + 1,
      label: optionalLabel,
      type: fieldTypes[declared] ?? textType,
    })),
  };
}

/**
 * A row as a Protobuf message. A value that its column cannot hold is left out and its column named in
 * `misfits`, as with every other value that does not fit.
 */
export function encodeRow(plan: Pick<TablePlan, 'columns'>, row: EventRow): Uint8Array {
  const types = [...eventColumns, ...plan.columns];
  const misfits: string[] = [];
  const values = [...row.event, ...row.properties].map((value, at): FieldValue => {
    const { name, type } = types[at]!;
    const held = fieldValue(value, type);
    if (held === undefined) misfits.push(name);
    return held ?? null;
  });
  if (misfits.length > 0) {
    values[misfitsAt] = JSON.stringify(addMisfits(values[misfitsAt], misfits));
  }
  const writer = new BinaryWriter();
  for (const [at, { declared }] of columnsOf(plan).entries()) {
    const value = values[at]!;
    if (value !== null) writeField(writer, at + 1, declared, value);
  }
  return writer.finish();
}

function writeField(
  writer: BinaryWriter,
  number: number,
  declared: string,
  value: NonNullable<FieldValue>,
): void {
  switch (declared) {
    case 'FLOAT':
      writer.tag(number, WireType.Bit64).double(Number(value));
      break;
    case 'TIMESTAMP':
    case 'INTEGER':
      writer.tag(number, WireType.Varint).int64(BigInt(value));
      break;
    case 'DATE':
      writer.tag(number, WireType.Varint).int32(Number(value));
      break;
    case 'BOOLEAN':
      writer.tag(number, WireType.Varint).bool(value === true);
      break;
    default:
      writer.tag(number, WireType.LengthDelimited).string(String(value));
  }
}
