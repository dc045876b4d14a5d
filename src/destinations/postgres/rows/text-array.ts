/** Of `text` in the catalog of PostgreSQL. */
const textOid = 25;
const headBytes = 20;
const lengthBytes = 4;

/**
 * A parameter of the type `text[]` in PostgreSQL's binary format, which needs no quotes and escapes on this side and no
 * search for them on the other: dimensions, whether there is a null, the type of the elements, how many and from which
 * index, and then each element behind its length (`array_recv` in PostgreSQL's src/backend/utils/adt/arrayfuncs.c).
 */
export function textArray(values: readonly (string | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)));
  const bytes = lengths.reduce((sum, length) => sum + lengthBytes + Math.max(0, length), headBytes);
  const array = Buffer.allocUnsafe(bytes);
  const hasNull = lengths.includes(-1);
  const head = [values.length === 0 ? 0 : 1, hasNull ? 1 : 0, textOid, values.length, 1];
  let at = 0;
  for (const number of head) at = array.writeInt32BE(number, at);
  for (const [index, length] of lengths.entries()) {
    at = array.writeInt32BE(length, at);
    if (length > 0) at += array.write(values[index]!, at);
  }
  // Without elements there is no size of the one dimension either.
  return values.length === 0 ? array.subarray(0, 3 * lengthBytes) : array;
}
