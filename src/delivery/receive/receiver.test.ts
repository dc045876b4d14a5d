import { expect, test } from 'vitest';

import type { DestinationConfig } from '../../config/config.ts';
import type { PulledMessage } from '../../jetstream/consume/pull.ts';
import type { HeldEvent } from '../held-event.ts';
import { createReceiver, type ReceiverParts } from './receiver.ts';

/** What a destination holds of some messages, and how many of them it has copied. */
function receive(config: Partial<DestinationConfig>, names: readonly string[]) {
  const held: HeldEvent[] = [];
  let filtered = 0;
  let detached = 0;
  const room = { hold: () => {}, free: () => {}, room: () => ({}) };
  const receiver = createReceiver({
    destinationConfig: { name: 'crm', events: [], sources: [], retry: {}, ...config },
    signals: { eventsFiltered: () => {} },
    settler: { filtered: () => void (filtered += 1) },
    queue: { push: (event: HeldEvent) => void held.push(event) },
    rooms: { EVENTS: room, REPLAY: room, RETRY: room, ASIDE: room, lane: room },
    schedule: () => {},
    stopping: () => false,
  } as unknown as ReceiverParts);
  for (const [index, name] of names.entries()) {
    const message = {
      subject: `headgate.events.0.shop.${name}`,
      sequence: index + 1,
      deliveries: 1,
      payload: Buffer.from('in what came from the socket'),
      detach: () => {
        detached += 1;
        message.payload = Buffer.from('alone');
      },
    };
    receiver.onMessage(message as unknown as PulledMessage, 'EVENTS');
  }
  return { payloads: held.map(({ payload }) => String(payload)), filtered, detached };
}

test('with a filter, an event keeps nothing of those that came with it and are not wanted', () => {
  const names = ['seen', 'rare_seen', 'seen'];
  expect(receive({ events: ['rare_*'] }, names)).toEqual({
    payloads: ['alone'],
    filtered: 2,
    detached: 1,
  });
  expect(receive({ sources: ['shop'] }, names)).toMatchObject({ filtered: 0, detached: 3 });
});

test('without a filter, events stay where they are', () => {
  expect(receive({}, ['seen', 'rare_seen'])).toMatchObject({ filtered: 0, detached: 0 });
});
