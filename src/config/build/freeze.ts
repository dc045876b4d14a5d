/**
 * Freezes a value and all it holds, and returns it.
 *
 * `Object.freeze` leaves the content of a Set open, so its writing methods are shut one by one.
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
