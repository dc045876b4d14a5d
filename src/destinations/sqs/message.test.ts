import { describe, expect, test } from 'vitest';

import type { StoredEvent } from '../../event/stored-event.ts';
import { deliveryOf, smallEvent } from '../queues/small-event.fixture.ts';
import { messageBytesMax, readMessage, type SqsMessage } from './message.ts';

const fifo = { isFifo: true, groupBy: 'source', format: 'headgate' } as const;

function messageOf(
  overrides: Partial<StoredEvent>,
  settings: Parameters<typeof readMessage>[1] = fifo,
): SqsMessage {
  const message = readMessage('queue', settings, deliveryOf(overrides));
  if (typeof message === 'string') throw new Error(message);
  return message;
}

test('an event at the limit of SQS is a message; with one byte more it says why it is not', () => {
  const { bytes } = messageOf({ properties: { text: '' } });
  const ofText = (length: number) => deliveryOf({ properties: { text: 'x'.repeat(length) } });
  const most = readMessage('queue', fifo, ofText(messageBytesMax - bytes));
  expect(most).toMatchObject({ bytes: messageBytesMax });
  expect(readMessage('queue', fifo, ofText(messageBytesMax - bytes + 1))).toBe(
    'SQS takes messages of at most 1048576 bytes, and this event needs 1048577',
  );
});

test('characters that SQS refuses are escaped, so the event stays the same', () => {
  const text = 'a\uFFFE\uFFFF\u0001\u{1F600}b';
  const { MessageBody: body } = messageOf({ properties: { text } }).entry;
  expect(body).not.toMatch(/[\uFFFE\uFFFF]/);
  expect(JSON.parse(body!)).toEqual({ ...smallEvent, properties: { text } });
});

describe('the group', () => {
  const groupOf = (overrides: Partial<StoredEvent>, groupBy: 'source' | 'event' | 'user') =>
    messageOf(overrides, { ...fifo, groupBy }).entry.MessageGroupId;

  test('is the source, the name of the event, or the person', () => {
    expect(groupOf({}, 'source')).toBe('shop');
    expect(groupOf({}, 'event')).toBe('order_completed');
    expect(groupOf({ userId: 'u-1', anonymousId: 'a-1' }, 'user')).toBe('u-1');
    expect(groupOf({ anonymousId: 'a-1' }, 'user')).toBe('a-1');
    expect(groupOf({}, 'user')).toBe('shop');
  });

  test('is a hash of what SQS does not take as a group', () => {
    const hash = /^sha256:[0-9a-f]{64}$/;
    expect(groupOf({ eventName: 'Order Completed' }, 'event')).toMatch(hash);
    expect(groupOf({ userId: 'u'.repeat(128) }, 'user')).toBe('u'.repeat(128));
    expect(groupOf({ userId: 'u'.repeat(129) }, 'user')).toMatch(hash);
    expect(groupOf({ userId: 'é' }, 'user')).toBe(groupOf({ userId: 'é' }, 'user'));
    expect(groupOf({ userId: 'é' }, 'user')).not.toBe(groupOf({ userId: 'è' }, 'user'));
  });

  test('and the deduplication id are left out in a standard queue', () => {
    const settings = { isFifo: false, groupBy: undefined, format: 'headgate' } as const;
    expect(Object.keys(messageOf({}, settings).entry)).toEqual([
      'MessageBody',
      'MessageAttributes',
    ]);
  });
});

test('two destinations have different deduplication ids, each the same on every attempt', () => {
  const idOf = (name: string): string | undefined => {
    const message = readMessage(name, fifo, deliveryOf());
    return typeof message === 'string' ? message : message.entry.MessageDeduplicationId;
  };
  expect(idOf('raw')).toBe(`raw:${smallEvent.eventId}`);
  expect(idOf('raw')).toBe(idOf('raw'));
  expect(idOf('ce')).not.toBe(idOf('raw'));
  // The longest name and the id of a stored event: SQS takes 128 letters, digits and signs.
  const name = 'a'.repeat(32);
  const longest = readMessage(name, fifo, deliveryOf({ eventId: crypto.randomUUID() }));
  expect(longest).toMatchObject({
    entry: { MessageDeduplicationId: expect.stringMatching(/^[\x21-\x7e]{1,128}$/) },
  });
});

test('attributes have what is printable and short, and nothing else', () => {
  const names = (overrides: Partial<StoredEvent>): string[] =>
    Object.keys(messageOf(overrides).entry.MessageAttributes!);
  expect(names({})).toEqual(['event_id', 'event_name', 'source', 'event_time']);
  expect(names({ eventName: 'Zahlung für' })).not.toContain('event_name');
  expect(names({ source: 's'.repeat(256) })).toContain('source');
  expect(names({ source: 's'.repeat(257) })).not.toContain('source');
});
