import type { RawWebhook } from '../gather/gather-webhooks.ts';
import type { ValuesOf } from '../setting.ts';
import { buildSourceLimits, type StatedLimits } from './build-source-limits.ts';
import { readTable } from './table-values.ts';
import {
  type WebhookEvent,
  type WebhookProperties,
  type WebhookSource,
} from '../webhook-source.ts';
import { webhookLimits, webhookSettings } from '../webhook-settings.ts';

type Values = ValuesOf<typeof webhookSettings>;

/** Reads the sources of webhooks. Adds problems to `faults`, without secrets, and limits to `stated`. */
export function buildWebhooks(
  raws: readonly RawWebhook[],
  faults: string[],
  stated: StatedLimits[],
): WebhookSource[] {
  return raws.map((raw) => buildWebhook(raw, faults, stated));
}

function buildWebhook(raw: RawWebhook, faults: string[], stated: StatedLimits[]): WebhookSource {
  const table = readTable(webhookSettings, raw.values, (path) => `${raw.from}.${path}`, faults);
  const values = Object.fromEntries(table.values) as unknown as Values;
  const { provider } = values;
  const header = values['signature.header'];
  const places = (path: 'type' | 'delivery_id' | 'user_id' | 'anonymous_id' | 'occurred_at') => {
    const list = values[path] ?? [];
    for (const place of list) validatePlace(place, table.from(path), faults);
    return list;
  };
  if (provider === 'hmac' && !table.faulty.has('signature.header') && header === undefined) {
    faults.push(`${table.from('signature.header')}: is required: name the header of the signature`);
  }
  if (provider === 'hmac' && values.delivery_id === undefined) {
    faults.push(
      `${table.from('delivery_id')}: is required: without an id, a second try looks like a second ` +
        'event: write a place such as /id or header:x-delivery-id',
    );
  }
  for (const path of Object.keys(webhookSettings)) {
    if (path.startsWith('signature.') && provider !== 'hmac' && raw.values.has(path)) {
      faults.push(`${table.from(path)}: is for provider hmac only: remove it`);
    }
  }
  const limits = buildSourceLimits(table, faults);
  if (limits !== undefined) stated.push({ source: raw.source, limits, from: raw.from });
  return {
    source: raw.source,
    provider,
    secrets: readSecrets(raw, provider, faults),
    toleranceMs: values.tolerance,
    signature: {
      header: (header ?? '').toLowerCase(),
      algorithm: values['signature.algorithm'] as WebhookSource['signature']['algorithm'],
      encoding: values['signature.encoding'] as WebhookSource['signature']['encoding'],
      prefix: values['signature.prefix'] ?? '',
    },
    type: places('type'),
    deliveryId: places('delivery_id'),
    userId: places('user_id'),
    anonymousId: places('anonymous_id'),
    occurredAt: places('occurred_at'),
    properties: readProperties(raw.properties, `${raw.from}.properties`, faults) ?? '',
    events: readEvents(raw, faults),
  };
}

const secretCharactersMin = 8;
const standardKeyBytesMin = 16;

function readSecrets(
  { secret, from }: RawWebhook,
  provider: WebhookSource['provider'],
  faults: string[],
): readonly string[] {
  const at = `${from}.secret`;
  if (secret === undefined) {
    faults.push(
      `${at}: is required: write one, or a list while it changes; \${NAME} keeps it out of the file`,
    );
    return [];
  }
  if (secret.broken) return [];
  const secrets = Array.isArray(secret.value) ? (secret.value as unknown[]) : [secret.value];
  const { secrets: countMax, secretCharacters } = webhookLimits;
  if (secrets.length === 0 || secrets.length > countMax) {
    faults.push(`${at}: has ${secrets.length} secrets: write 1 to ${countMax}`);
  }
  for (const each of secrets) {
    if (
      typeof each !== 'string' ||
      each.length < secretCharactersMin ||
      each.length > secretCharacters
    ) {
      faults.push(
        `${at}: is not a secret: a text of ${secretCharactersMin} to ${secretCharacters} characters`,
      );
    } else if (provider === 'standard' && !isStandardSecret(each)) {
      faults.push(
        `${at}: is not a secret of Standard Webhooks: "whsec_" and the base64 of its bytes`,
      );
    }
  }
  return secrets.filter((each) => typeof each === 'string');
}

function isStandardSecret(secret: string): boolean {
  const text = secret.replace(/^whsec_/, '');
  const key = Buffer.from(text, 'base64');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && key.length >= standardKeyBytesMin;
}

/** The form of event names. Whether the taxonomy has the event is not known here. */
const eventNamePattern = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

function readEvents({ events, from }: RawWebhook, faults: string[]): WebhookEvent[] {
  const at = `${from}.events`;
  if (!(events instanceof Map) || events.size === 0) {
    faults.push(
      `${at}: is required: write a map from types to event names: order.paid: order_completed`,
    );
    return [];
  }
  if (events.size > webhookLimits.events) {
    faults.push(`${at}: has ${events.size} types: at most ${webhookLimits.events}`);
  }
  const read: WebhookEvent[] = [];
  for (const [type, target] of events) {
    const place = `${at}.${String(type)}`;
    const isMap = target instanceof Map;
    const eventName: unknown = isMap ? target.get('event') : target;
    if (
      typeof eventName !== 'string' ||
      !eventNamePattern.test(eventName) ||
      eventName.length > 128
    ) {
      faults.push(
        `${place}: is not an event name: write order_completed, or { event: order_completed }`,
      );
      continue;
    }
    if (isMap) {
      for (const key of target.keys()) {
        if (key === 'event' || key === 'properties') continue;
        faults.push(`${place}.${String(key)}: is not known; there are event and properties`);
      }
    }
    const properties = isMap
      ? readProperties(target.get('properties'), `${place}.properties`, faults)
      : undefined;
    read.push({ type: String(type), eventName, properties });
  }
  return read;
}

/** Undefined if none are configured. */
function readProperties(
  node: unknown,
  at: string,
  faults: string[],
): WebhookProperties | undefined {
  if (node === undefined || node === null) return undefined;
  if (typeof node === 'string') {
    if (node !== '' && !isPointer(node)) {
      faults.push(`${at}: is not a place of an object: write a JSON pointer such as /data/object`);
    }
    return node;
  }
  if (!(node instanceof Map)) {
    faults.push(`${at}: is not a place: write a JSON pointer, or a map from names to places`);
    return undefined;
  }
  if (node.size > webhookLimits.properties) {
    faults.push(`${at}: has ${node.size} names: at most ${webhookLimits.properties}`);
  }
  const places = [...node].map(([name, place]): [string, string] => {
    validatePlace(place, `${at}.${String(name)}`, faults);
    return [String(name), String(place)];
  });
  return Object.fromEntries(places);
}

function validatePlace(place: unknown, at: string, faults: string[]): void {
  if (typeof place === 'string' && place.length <= webhookLimits.placeCharacters) {
    if (isPointer(place) || /^header:[A-Za-z0-9-]+$/.test(place)) return;
  }
  faults.push(`${at}: is not a place: write a JSON pointer such as /data/id, or header:x-name`);
}

/** A JSON pointer (RFC 6901), except the empty one. */
function isPointer(text: string): boolean {
  return text.startsWith('/') && !/~(?![01])/.test(text);
}
