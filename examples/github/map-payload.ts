import { createHash } from 'node:crypto';

import type { JsonObject } from '../../src/event/json/json.ts';
import { eventNameOf, namedDeliveries } from './event-names.ts';
import { oneOf, text, valueAt, type Field, type Fields, type Kind } from './field.ts';
import { administration } from './kinds/administration.ts';
import { code } from './kinds/code.ts';
import { collaboration } from './kinds/collaboration.ts';
import type { Delivery } from './payloads.ts';

/** An event as Headgate accepts it, with the contract's field names in camelCase. */
export interface MappedEvent {
  readonly eventName: string;
  readonly userId: string | undefined;
  readonly anonymousId: string | undefined;
  readonly idempotencyKey: string;
  readonly properties: JsonObject;
  readonly context: JsonObject;
  readonly occurredAt: Date | undefined;
}

interface OwnedKind extends Kind {
  /** The owner of its events in the taxonomy. */
  readonly owner: string;
}

/** All kinds, by GitHub's event name. */
export const kinds: ReadonlyMap<string, OwnedKind> = new Map(
  Object.entries({ administration, code, collaboration }).flatMap(([owner, group]) =>
    Object.entries(group).map(([event, kind]) => [event, { ...kind, owner }] as const),
  ),
);

/** The UUID namespace of this example's idempotency keys. Changing it would change every key. */
const namespaceBytes = Buffer.from('3f0a6a6e2f1b4c0b8d5c5a1e7b9d4c21', 'hex');

/** Turns a delivery into an event. Throws if event-names.ts or kinds/ has no entry for it. */
export function mapPayload(delivery: Delivery): MappedEvent {
  const { edition, event, payload } = delivery;
  const action = actionOf(payload);
  const eventName = eventNameOf(event, action);
  const kind = kinds.get(event);
  if (kind === undefined) {
    throw new Error(`The GitHub event ${event} has no kind: add it to kinds/.`);
  }

  const installation = valueAt(payload, 'installation.id');
  const sender = valueAt(payload, 'sender.login') ?? kind.actor;
  if (sender === undefined && installation === undefined) {
    throw new Error(
      `The ${event} payload ${delivery.index} of ${edition} has no sender and no installation.`,
    );
  }
  return {
    eventName,
    userId: sender === undefined ? undefined : String(sender),
    anonymousId: installation === undefined ? undefined : `installation:${String(installation)}`,
    idempotencyKey: idempotencyKeyOf(delivery),
    properties: readFields(fieldsOf(event, eventName), payload),
    context: {
      library: { name: 'headgate-example-github', version: '0.1.0' },
      github: { edition, event, ...(action === undefined ? {} : { action }) },
    },
    occurredAt: occurredAtOf(kind, payload),
  };
}

/** The fields of the events of one name: the kind's, its action, and those of this name only. */
export function fieldsOf(event: string, eventName: string): Fields {
  const kind = kinds.get(event);
  return { ...kind?.fields, ...actionField(event, eventName), ...kind?.only?.[eventName] };
}

/** The property `action`, limited to the actions that have this name. */
function actionField(event: string, eventName: string): Record<string, Field> {
  const actions = namedDeliveries
    .filter((named) => named.event === event && named.eventName === eventName)
    .map(({ action }) => action);
  const values = actions.filter((action) => action !== undefined);
  if (values.length === 0) return {};
  const field = values.includes('*') ? text('action', 100) : oneOf('action', ...values);
  return { action: { ...field, required: !actions.includes(undefined) } };
}

function readFields(fields: Fields, payload: JsonObject): JsonObject {
  const properties: JsonObject = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = field.read(payload);
    if (value !== undefined && value !== null) properties[name] = value;
  }
  return properties;
}

function actionOf(payload: JsonObject): string | undefined {
  const action = valueAt(payload, 'action');
  return action === undefined ? undefined : String(action);
}

/** GitHub formats most times as RFC 3339, and some as seconds since 1970. */
function occurredAtOf(kind: Kind, payload: JsonObject): Date | undefined {
  for (const path of kind.time) {
    const value = valueAt(payload, path);
    if (value === undefined) continue;
    const date = new Date(typeof value === 'number' ? value * 1000 : String(value));
    if (!Number.isNaN(date.getTime())) return date;
  }
  return undefined;
}

/**
 * Returns a UUIDv5 (RFC 9562 §5.5) of the delivery's origin and content, so that a second run sends
 * the same keys and the gate answers `duplicate`. The index distinguishes identical examples. A
 * live webhook would use GitHub's own id, `X-GitHub-Delivery`.
 */
function idempotencyKeyOf({ edition, event, index, payload }: Delivery): string {
  const content = createHash('sha256').update(JSON.stringify(payload)).digest('hex');
  const digest = createHash('sha1')
    .update(namespaceBytes)
    .update(`${edition}/${event}/${index}/${content}`)
    .digest();
  digest[6] = (digest[6]! & 0x0f) | 0x50;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
