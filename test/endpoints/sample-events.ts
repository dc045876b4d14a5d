import { randomUUID } from 'node:crypto';

/** An event in the contract's own names, as REST takes it. */
export type Sample = Record<string, unknown>;

let made = 0;

/** A valid order_completed with a key of its own. */
export function order(fields: Sample = {}): Sample {
  made += 1;
  return {
    event_name: 'order_completed',
    user_id: `user-${made}`,
    idempotency_key: randomUUID(),
    properties: { order_id: `A-${made}`, total: 49.5, currency: 'EUR' },
    ...fields,
  };
}

/** The same without some of its fields. */
export function orderWithout(...names: string[]): Sample {
  return Object.fromEntries(Object.entries(order()).filter(([name]) => !names.includes(name)));
}
