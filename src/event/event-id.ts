import { hash } from 'node:crypto';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The namespace under which Headgate derives its event ids. Changing it would change every id. */
const namespaceBytes = Buffer.from('9d1c0c5e3b5d4f7ab1e28c6f4a7d2e90', 'hex');

/** The last one: an idempotency key is looked at for its form and for its id. */
let knownUuid = '';

export function isUuid(text: string): boolean {
  if (text === knownUuid && text !== '') return true;
  if (!uuidPattern.test(text)) return false;
  knownUuid = text;
  return true;
}

/** Room for the namespace, a source (64), a colon and a key (36). Reused for every id. */
const scratch = Buffer.alloc(namespaceBytes.length + 128);
namespaceBytes.copy(scratch);
/** Views of `scratch` by length, each made once: making a view costs a fifth of the digest. */
const scratchViews: Buffer[] = Array.from({ length: scratch.length + 1 }, (_, end) =>
  scratch.subarray(0, end),
);

/** The source whose name is in `scratch`, before the key. */
let scratchSource: string | undefined;
let keyAt = 0;

/** The two bits of RFC 9562's variant before the first hex digit of the fourth group. */
const variantDigits = '89ab89ab89ab89ab';
const zero = 0x30;
const nine = 0x39;
const letterA = 0x61;

/**
 * The id of an event: UUIDv5 (RFC 9562 §5.5) of source and idempotency key, so that every retry of
 * an event has the same id everywhere. The key's case does not matter; both are ASCII.
 */
export function eventIdOf(source: string, idempotencyKey: string): string {
  if (source !== scratchSource) {
    const { length } = namespaceBytes;
    keyAt = length + scratch.write(`${source}:`, length, 'latin1');
    scratchSource = source;
  }
  const key = idempotencyKey.toLowerCase();
  // A call of `write` costs twice as much for so few characters.
  for (let at = 0; at < key.length; at += 1) scratch[keyAt + at] = key.charCodeAt(at);
  return uuidOfHash(hash('sha1', scratchViews[keyAt + key.length]!, 'hex'));
}

function uuidOfHash(hex: string): string {
  const code = hex.charCodeAt(16);
  const variant = variantDigits[code <= nine ? code - zero : code - letterA + 10]!;
  return (
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}` +
    `-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
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
