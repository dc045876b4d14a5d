import type { ConsumerConfig, JetStreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';

import { withClients, type LogClients } from '../clients.ts';
import { otherStream } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { ensureConsumer } from './ensure-consumer.ts';
import { readFilterEras, recordFilter } from './filter-history.ts';

const part = otherStream('EVENTS');

/** A consumer that was delivered four events. `onUpdate` makes of a write what is stored. */
function consumerWith(
  onUpdate: (metadata: Metadata, before: Metadata) => Metadata = (metadata) => metadata,
) {
  const stored = { metadata: {} as Metadata, ack_wait: 5, updates: 0 };
  const consumers = {
    info: async () => ({
      name: 'crm',
      config: { metadata: stored.metadata, ack_wait: stored.ack_wait, durable_name: 'crm' },
      delivered: { stream_seq: 4 },
    }),
    update: async (_stream: string, _name: string, changes: Partial<ConsumerConfig>) => {
      stored.updates += 1;
      const metadata = { ...(changes.metadata as Metadata) };
      stored.metadata = onUpdate(metadata, stored.metadata);
      stored.ack_wait = changes.ack_wait ?? stored.ack_wait;
    },
  };
  const manager = { consumers } as unknown as JetStreamManager;
  const log = withClients({} as Log, { manager } as LogClients);
  return { log, manager, stored };
}

type Metadata = Record<string, string>;

const filter = { events: ['order_*'], sources: [] };
const own = { from: 5, ...filter };

test('a filter is recorded once, from the next event on', async () => {
  const { log, stored } = consumerWith();
  await recordFilter(log, part, 'crm', filter);
  await recordFilter(log, part, 'crm', filter);
  expect(readFilterEras(stored)).toEqual([own]);
  expect(stored.updates).toBe(1);
});

test('a filter that another process wrote over is recorded again, after that of the other', async () => {
  const other = { from: 5, events: ['page_*'], sources: [] };
  const foreign = { 'headgate-filters': JSON.stringify([other]) };
  let isFirst = true;
  const { log, stored } = consumerWith((metadata) => {
    if (!isFirst) return metadata;
    isFirst = false;
    return foreign;
  });
  await recordFilter(log, part, 'crm', filter);
  expect(readFilterEras(stored)).toEqual([other, own]);
});

test('a filter that is always lost does not hold up the start for ever', async () => {
  const { log, stored } = consumerWith((_metadata, before) => before);
  await recordFilter(log, part, 'crm', filter);
  expect(stored.updates).toBe(10);
});

test('settings that a consumer has are not written, and the metadata of others stay', async () => {
  const { manager, stored } = consumerWith();
  const settings = { durable_name: 'crm', ack_wait: 5, metadata: { owner: 'crm' } };
  stored.metadata = { owner: 'crm', filters: '[]' };
  await ensureConsumer(manager, 'EVENTS', settings);
  expect(stored.updates).toBe(0);
  await ensureConsumer(manager, 'EVENTS', { ...settings, ack_wait: 6 });
  expect(stored).toMatchObject({ updates: 1, ack_wait: 6, metadata: { filters: '[]' } });
});
