import { createHash } from 'node:crypto';

import type { MessageAttributeValue, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs';

import type { StoredEvent } from '../../event/stored-event.ts';
import type { Delivery } from '../destination.ts';
import { deduplicationId } from '../queues/deduplication-id.ts';
import { messageAttributes } from '../queues/message-attributes.ts';
import { messageBody } from '../queues/message-body.ts';
import { messageGroupOf, type MessageGrouping } from '../queues/message-group.ts';
import { readEvent } from '../readable-event.ts';
import type { SqsSettings } from './settings.ts';

/**
 * The most that SQS takes in a message and in a request, bodies and attributes together. A queue may
 * have a lower limit of its own, and says so.
 */
export const messageBytesMax = 1_048_576;

/** What a request and its entries have besides bodies and attributes is not counted by SQS. */
type Entry = Omit<SendMessageBatchRequestEntry, 'Id'>;

export interface SqsMessage {
  readonly entry: Entry;
  /** As SQS counts it: the body, and name, type and value of each attribute. */
  readonly bytes: number;
}

/** The message of a delivery, or the reason why the event cannot be one. */
export function readMessage(
  name: string,
  settings: Pick<SqsSettings, 'isFifo' | 'groupBy' | 'format'>,
  delivery: Delivery,
): SqsMessage | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  const content = messageBody(delivery, settings.format);
  if (typeof content === 'string') return content;
  const body = allowedText(content);
  const attributes = attributesOf(event, settings.format);
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    bytes += name.length + DataType!.length + Buffer.byteLength(StringValue!);
  }
  if (bytes > messageBytesMax) {
    return `SQS takes messages of at most ${messageBytesMax} bytes, and this event needs ${bytes}`;
  }
  const { isFifo, groupBy } = settings;
  const entry = {
    MessageBody: body,
    MessageAttributes: attributes,
    ...(groupBy === undefined ? {} : { MessageGroupId: groupOf(event, groupBy) }),
    ...(isFifo ? { MessageDeduplicationId: deduplicationId(name, event.eventId) } : {}),
  };
  return { entry, bytes };
}

/** SQS refuses the two characters that XML has not. In JSON they are in strings only, so they can be escaped. */
function allowedText(json: Buffer): string {
  return json
    .toString()
    .replaceAll(/[\uFFFE\uFFFF]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}

/** Printable ASCII, so that no client has to decode it. Everything is in the body as well. */
const attributeText = /^[\x20-\x7e]{1,256}$/;

function attributesOf(
  event: StoredEvent,
  format: SqsSettings['format'],
): Record<string, MessageAttributeValue> {
  const attributes: Record<string, MessageAttributeValue> = {};
  for (const [name, text] of Object.entries(messageAttributes(event, format))) {
    if (typeof text !== 'string' || !attributeText.test(text)) continue;
    attributes[name] = { DataType: 'String', StringValue: text };
  }
  return attributes;
}

/** What SQS allows in a group: at most 128 letters, digits and signs of punctuation. */
const groupText = /^[\x21-\x7e]{1,128}$/;

function groupOf(event: StoredEvent, groupBy: MessageGrouping): string {
  const text = messageGroupOf(event, groupBy);
  if (groupText.test(text)) return text;
  // The same text is always in the same group, and the group does not say whose it is.
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
