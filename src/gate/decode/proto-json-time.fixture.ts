import { toJson } from '@bufbuild/protobuf';
import { TimestampSchema, type Timestamp } from '@bufbuild/protobuf/wkt';

/** A time as protobuf-es writes it, with milliseconds also where there are none. */
export function protoJsonTime(time: Timestamp): string {
  return toJson(TimestampSchema, time).replace(/:(\d\d)Z$/, ':$1.000Z');
}
