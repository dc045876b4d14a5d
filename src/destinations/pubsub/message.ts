import { createHash } from 'node:crypto';

import type { Delivery } from '../destination.ts';
import { messageAttributes } from '../queues/message-attributes.ts';
import { messageBody } from '../queues/message-body.ts';
import { messageGroupOf } from '../queues/message-group.ts';
import { readEvent } from '../readable-event.ts';
import type { PubsubSettings } from './settings.ts';

/**
 * The limits of https://cloud.google.com/pubsub/quotas#resource_limits. A request has 10 MB; a few hundred
 * bytes are left for the name of the topic.
 */
export const requestBytesMax = 10_000_000 - 500;
export const requestMessagesMax = 1_000;
const attributeBytesMax = 1_024;
const orderingKeyBytesMax = 1_024;

export interface PubsubMessage {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  /** '' for none. */
  readonly orderingKey: string;
  /** In a request, at most: with what Protobuf adds. */
  readonly bytes: number;
}

/** Tags and lengths of a field, and of an entry of a map, take no more. */
const fieldBytesMax = 8;
const entryBytesMax = 16;

/** The message of a delivery, or the reason why the event cannot be one. */
export function readMessage(
  settings: Pick<PubsubSettings, 'ordering' | 'format'>,
  delivery: Delivery,
): PubsubMessage | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  const data = messageBody(delivery, settings.format);
  if (typeof data === 'string') return data;
  const { ordering } = settings;
  const orderingKey = ordering === undefined ? '' : keyOf(messageGroupOf(event, ordering));
  let bytes = 3 * fieldBytesMax + data.length + Buffer.byteLength(orderingKey);
  const attributes: Record<string, string> = {};
  for (const [name, text] of Object.entries(messageAttributes(event, settings.format))) {
    // What is too long for an attribute is in the data as well.
    if (typeof text !== 'string' || Buffer.byteLength(text) > attributeBytesMax) continue;
    attributes[name] = text;
    bytes += entryBytesMax + name.length + Buffer.byteLength(text);
  }
  if (bytes > requestBytesMax) {
    return (
      `Pub/Sub takes messages of at most ${requestBytesMax} bytes, and this event needs ${bytes}: ` +
      'leave out what need not leave with the setting fields'
    );
  }
  return { data, attributes, orderingKey, bytes };
}

function keyOf(text: string): string {
  if (Buffer.byteLength(text) <= orderingKeyBytesMax) return text;
  // The same text always has the same key.
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
