import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import type { ReportFault } from '../validation/registry-fault.ts';
import { schemaBytesMax } from '../validation/schema/schema-safety.ts';
import type { BucketKey } from './bucket-keys.ts';

/** An entry has an owner, a description and a few settings; the header has up to 200 verbs. */
const entryBytesMax = 64 * 1024;

/** Parses an entry of the bucket; undefined if it is not a JSON object or is too long. */
export function readBucketJson(
  kind: BucketKey['kind'],
  text: string,
  report: ReportFault,
): JsonObject | undefined {
  const bytesMax = kind === 'schema' ? schemaBytesMax : entryBytesMax;
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) {
    report(`it has ${bytes} bytes, more than ${bytesMax}`, 'Say less in it.');
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
    report('it is not an object', 'Write a JSON object.');
  } catch (error) {
    report(`it cannot be read as JSON: ${(error as Error).message}`, 'Write it again as JSON.');
  }
  return undefined;
}
