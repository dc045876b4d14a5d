/**
 * The place of an event among the partitions, from its message id: 32-bit FNV-1a over the UTF-16
 * code units (http://www.isthe.com/chongo/tech/comp/fnv), mixed by the last step of MurmurHash3
 * (`fmix32`, https://github.com/aappleby/smhasher), modulo `count`. All
 * gates must choose the same, in every version: the same id in two partitions would be stored twice.
 *
 * Without the last step the lowest bits of FNV-1a depend on the lowest bits of the characters
 * alone, and keys that are counted up fill the partitions unevenly.
 */
export function partitionIndex(text: string, from: number, to: number, count: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % count;
}
