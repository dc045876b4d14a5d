import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The state of the gate while a case is sent. */
export type Circumstance =
  | 'busy twice'
  | 'the log is full'
  | 'the log is frozen'
  | 'the gate is full'
  | 'the gate is full for a moment';

export interface ExpectedVerdict {
  readonly status: 'ACCEPTED' | 'DUPLICATE' | 'REJECTED' | 'RETRY';
  readonly code?: string;
  readonly violations?: readonly (readonly [path: string, code: string])[];
  readonly [field: string]: unknown;
}

/** One request that every language sends, and the answer that it must get. */
export interface ClientCase {
  readonly name: string;
  readonly rpc: 'Track' | 'BatchTrack';
  readonly request: object;
  /** Default: the key that the gate knows. */
  readonly key?: string;
  readonly gzip?: boolean;
  readonly deadlineMs?: number;
  readonly cancelAfterMs?: number;
  readonly while?: Circumstance;
  readonly expect: {
    /** A gRPC status. Default: OK. */
    readonly status?: string;
    readonly results?: readonly ExpectedVerdict[];
    readonly code?: string;
    readonly violations?: readonly (readonly [path: string, code: string])[];
    /** True if the answer says when to try again. */
    readonly retry?: boolean;
    /** Texts that the stored event contains. */
    readonly stored?: readonly string[];
    /** Default: the number of ACCEPTED events. */
    readonly storedCount?: number;
  };
}

/** Reads cases.json with its placeholders; `filled` replaces them. */
export function readCases(): ClientCase[] {
  return JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8')) as ClientCase[];
}

/**
 * Replaces the placeholders for values that are long, or new each time:
 *
 * - `"$order"`, `{"$order": {...}}`: a valid order_completed with a new key, and these fields
 * - `"$key:name"`: a UUID, the same for the same name in one case
 * - `"$text:n"`: a text of n letters
 * - `{"$times": n, "of": x}`: a list of n times x
 */
export function filled<T>(written: T): T {
  const keys = new Map<string, string>();
  const keyNamed = (name: string): string => {
    const key = keys.get(name) ?? randomUUID();
    keys.set(name, key);
    return key;
  };
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') {
      if (value === '$order') return order();
      if (value.startsWith('$key:')) return keyNamed(value);
      if (value.startsWith('$text:')) return 'x'.repeat(Number(value.slice('$text:'.length)));
      return value;
    }
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    const members = value as Record<string, unknown>;
    if ('$order' in members) return { ...order(), ...(fill(members['$order']) as object) };
    if ('$times' in members) {
      return Array.from({ length: members['$times'] as number }, () => fill(members['of']));
    }
    return Object.fromEntries(
      Object.entries(members).map(([name, member]) => [name, fill(member)]),
    );
  };
  return fill(written) as T;
}

let made = 0;

function order(): Record<string, unknown> {
  made += 1;
  const propertiesJson = JSON.stringify({ order_id: `A-${made}`, total: 49.5, currency: 'EUR' });
  return {
    eventName: 'order_completed',
    userId: `u-${made}`,
    idempotencyKey: randomUUID(),
    propertiesJson,
  };
}
