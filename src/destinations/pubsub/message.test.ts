import { expect, test } from 'vitest';

import type { StoredEvent } from '../../event/stored-event.ts';
import { deliveryOf } from '../queues/small-event.fixture.ts';
import { readMessage, requestBytesMax, type PubsubMessage } from './message.ts';

const settings = { ordering: 'user', format: 'headgate' } as const;

function messageOf(overrides: Partial<StoredEvent>): PubsubMessage {
  const message = readMessage(settings, deliveryOf(overrides));
  if (typeof message === 'string') throw new Error(message);
  return message;
}

test('an event at the limit of a request is a message; with one byte more it says why it is not', () => {
  const { bytes } = messageOf({ properties: { text: '' } });
  const ofText = (length: number) => deliveryOf({ properties: { text: 'x'.repeat(length) } });
  const room = requestBytesMax - bytes;
  expect(readMessage(settings, ofText(room))).toMatchObject({ bytes: requestBytesMax });
  expect(readMessage(settings, ofText(room + 1))).toBe(
    'Pub/Sub takes messages of at most 9999500 bytes, and this event needs 9999501: leave out what need not leave with the setting fields',
  );
});

test('the ordering key is the person, else the source, and a hash of what is too long', () => {
  const keyOf = (overrides: Partial<StoredEvent>): string => messageOf(overrides).orderingKey;
  expect(keyOf({ userId: 'u-1', anonymousId: 'a-1' })).toBe('u-1');
  expect(keyOf({ anonymousId: 'a-1' })).toBe('a-1');
  expect(keyOf({})).toBe('shop');
  expect(keyOf({ userId: 'é'.repeat(512) })).toBe('é'.repeat(512));
  expect(keyOf({ userId: `${'é'.repeat(512)}x` })).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test('an attribute that is too long is left out', () => {
  const namesOf = (source: string): string[] => Object.keys(messageOf({ source }).attributes);
  expect(namesOf('s'.repeat(1_024))).toEqual(['event_id', 'event_name', 'source', 'event_time']);
  expect(namesOf('s'.repeat(1_025))).toEqual(['event_id', 'event_name', 'event_time']);
});
