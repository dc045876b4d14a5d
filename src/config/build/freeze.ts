/**
 * Freezes a value and its members, deeply, and returns it.
 *
 * `Object.freeze` does not protect the content of a Set, so its writing methods are replaced.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Set) {
    for (const method of ['add', 'delete', 'clear']) {
      Object.defineProperty(value, method, { value: refuse });
    }
  }
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}

function refuse(): never {
  throw new TypeError('The configuration is frozen.');
}
