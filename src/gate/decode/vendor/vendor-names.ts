/** The contract takes no longer names; longer ones are refused as they were sent. */
const namedLengthMax = 512;

/**
 * A name of another system in lower snake case: "Order Completed", "orderCompleted" and
 * "order-completed" are `order_completed`. Accents fall away; a name with letters that have no place in
 * ASCII, or without any, stays as it was sent and is validated as such.
 */
export function snakeName(name: string): string {
  if (name.length > namedLengthMax) return name;
  const plain = name.normalize('NFKD').replaceAll(/\p{M}+/gu, '');
  if (/[^a-zA-Z0-9]/u.test(plain.replaceAll(/[^\p{L}\p{N}]/gu, ''))) return name;
  const words = plain
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  return words.length === 0 ? name : words.join('_');
}

/**
 * The name in a CloudEvents type, which begins with a reversed domain: `com.example.order.completed`,
 * `com.example.OrderCompleted` and `com.example.order_completed.v2` are `order_completed`. It is the last
 * part; where that is a single word, the part before it as well.
 */
export function nameOfType(type: string): string {
  if (type.length > namedLengthMax) return type;
  const parts = type.split('.').filter((part) => part !== '');
  if (parts.length > 1 && /^v\d+$/i.test(parts.at(-1)!)) parts.pop();
  const last = snakeName(parts.at(-1) ?? '');
  if (last === '' || last.includes('_') || parts.length === 1) return last;
  return `${snakeName(parts.at(-2)!)}_${last}`;
}
