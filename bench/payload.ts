import { create, toBinary } from '@bufbuild/protobuf';

import {
  BatchTrackRequestSchema,
  TrackRequestSchema,
} from '../gen/headgate/v1/track_service_pb.ts';

/** One event of about 400 bytes, the same for all measured servers. */
const properties = {
  order_id: 'A-1001-2026-03-01',
  total: 129.95,
  currency: 'EUR',
  tax: 20.75,
  shipping: 4.9,
  coupon: 'SPRING-26',
  payment_method: 'card',
  items: [{ sku: 'SKU-4711', quantity: 2, price: 52.15 }],
};

/** Placeholder of the key: generators overwrite it in place with a key that was never used. */
export const keyPlaceholder = '00000000-0000-4000-8000-000000000000';

const flat = {
  event_name: 'order_completed',
  user_id: 'user-7f3a9c21',
  anonymous_id: 'device-51c0e7',
  idempotency_key: keyPlaceholder,
  properties,
  context: { library: { name: 'checkout', version: '4.2.0' }, page: '/checkout/done' },
};

export const restBody = Buffer.from(JSON.stringify(flat));

const propertiesJson = JSON.stringify(properties);

const message = {
  eventName: flat.event_name,
  userId: flat.user_id,
  anonymousId: flat.anonymous_id,
  idempotencyKey: keyPlaceholder,
  propertiesJson,
  context: flat.context,
};

const structMessage = { ...message, propertiesJson: '', properties };

export const connectJsonBody = Buffer.from(JSON.stringify({ event: flat }));
export const trackProto = Buffer.from(
  toBinary(TrackRequestSchema, create(TrackRequestSchema, { event: message })),
);
export const trackStructProto = Buffer.from(
  toBinary(TrackRequestSchema, create(TrackRequestSchema, { event: structMessage })),
);

export function batchProto(events: number, form: 'json' | 'struct'): Buffer {
  const event = form === 'json' ? message : structMessage;
  const batch = create(BatchTrackRequestSchema, {
    events: Array.from({ length: events }, () => event),
  });
  return Buffer.from(toBinary(BatchTrackRequestSchema, batch));
}

export function batchJson(events: number): Buffer {
  return Buffer.from(JSON.stringify({ events: Array.from({ length: events }, () => flat) }));
}

/** Frames a gRPC message: one byte of flags and four of length, then the body. */
export function grpcFrame(body: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** The payload that the gate stores for this event, for publishers without a gate. */
export const storedBody = Buffer.from(
  JSON.stringify({
    eventId: '9d90fc35-7e54-5f3d-bf7e-aac8e04eacba',
    eventName: flat.event_name,
    source: 'default',
    timestamp: '2026-03-01T12:00:00.000Z',
    userId: flat.user_id,
    anonymousId: flat.anonymous_id,
    idempotencyKey: keyPlaceholder,
    schemaVersion: 2,
    properties,
    context: flat.context,
    correlationId: '12f6c35a-228e-412a-8ffc-88e0a3ec0255',
  }),
);

/** Returns the offsets of all keys in `body`, into which `writeKey` writes. */
export function keyOffsets(body: Buffer): number[] {
  const offsets: number[] = [];
  let at = body.indexOf(keyPlaceholder);
  while (at !== -1) {
    offsets.push(at);
    at = body.indexOf(keyPlaceholder, at + keyPlaceholder.length);
  }
  return offsets;
}

const digits = Buffer.from('0123456789abcdef');

/**
 * Writes `run` (8 hex digits) and `number` (the last 12 hex digits) into the key at `offset`. Keys
 * are unique for 2^48 numbers.
 */
export function writeKey(body: Buffer, offset: number, run: number, number: number): void {
  let rest = run;
  for (let digit = 7; digit >= 0; digit -= 1) {
    body[offset + digit] = digits[rest & 15]!;
    rest >>>= 4;
  }
  let low = number % 0x1_0000_0000;
  const high = Math.floor(number / 0x1_0000_0000);
  for (let digit = 35; digit >= 28; digit -= 1) {
    body[offset + digit] = digits[low & 15]!;
    low >>>= 4;
  }
  for (let digit = 27, part = high; digit >= 24; digit -= 1, part >>>= 4) {
    body[offset + digit] = digits[part & 15]!;
  }
}
