import { hash } from 'node:crypto';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The namespace under which Headgate derives its event ids. Changing it would change every id. */
const namespaceBytes = Buffer.from('9d1c0c5e3b5d4f7ab1e28c6f4a7d2e90', 'hex');

export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/** Room for the namespace, a source (64), a colon and a key (36). Reused for every id. */
const scratch = Buffer.alloc(namespaceBytes.length + 128);
namespaceBytes.copy(scratch);
/** Views of `scratch` by length, each made once: making a view costs a fifth of the digest. */
const scratchViews: Buffer[] = Array.from({ length: scratch.length + 1 }, (_, end) =>
  scratch.subarray(0, end),
);

/** The two bits of RFC 9562's variant before the first hex digit of the fourth group. */
const variantDigits = '89ab89ab89ab89ab';

/**
 * The id of an event: UUIDv5 (RFC 9562 §5.5) of source and idempotency key, so that every retry of
 * an event has the same id everywhere. The key's case does not matter; both are ASCII.
 */
export function eventIdOf(source: string, idempotencyKey: string): string {
  const name = `${source}:${idempotencyKey.toLowerCase()}`;
  const end = namespaceBytes.length + scratch.write(name, namespaceBytes.length, 'latin1');
  return uuidOfHash(hash('sha1', scratchViews[end]!, 'hex'));
}

function uuidOfHash(hex: string): string {
  return (
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}` +
    `-${variantDigits[Number.parseInt(hex[16]!, 16)]}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  );
}

/**
 * The namespace for ids of other systems that become idempotency keys. Changing it would change
 * every key.
 */
const vendorNamespace = Buffer.from('5b0c6f4e0a7d5f3a9c2e417d86b1f035', 'hex');

/**
 * The idempotency key of an id of another system: the id itself if it is a UUID, else the UUIDv5 of
 * the system's name and the id, so that the same id always gives the same key.
 */
export function idempotencyKeyOf(system: string, id: string): string {
  if (isUuid(id)) return id;
  const name = Buffer.from(`${system}:${id}`);
  return uuidOfHash(hash('sha1', Buffer.concat([vendorNamespace, name]), 'hex'));
}

/** The id by which the log refuses a second copy: `<source>:<idempotency key>`. */
export function messageIdOf(source: string, idempotencyKey: string): string {
  return `${source}:${idempotencyKey.toLowerCase()}`;
}
