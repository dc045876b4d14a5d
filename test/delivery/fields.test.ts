import { expect, test } from 'vitest';

import { createSecret } from '../../src/config/secret.ts';
import { delivered } from '../../src/destinations/destination.ts';
import { startRealLog } from '../real-log.ts';
import {
  createTestSignals,
  destinationConfig,
  publishEvents,
  readAttempts,
  readDead,
  recording,
  settled,
  startWorker,
} from './rig.ts';
import { openQueue } from '../dead-letters/dead-rig.ts';

const secretText = 'kate@example.com';
const properties = JSON.stringify({ total: 12.5, email: secretText });
const fields = {
  allow: [['user_id'], ['properties']],
  drop: [['properties', 'email']],
  hash: [['user_id']],
  hashKey: createSecret('0123456789abcdef'),
};

/** A destination that keeps every event it receives. */
function watching(answer: Parameters<typeof recording>[0] = () => delivered) {
  const shown: string[] = [];
  const destination = recording((delivery, signal) => {
    shown.push(Buffer.from(delivery.payload).toString() + JSON.stringify(delivery.event()));
    return answer(delivery, signal);
  });
  return { shown, destination };
}

test('a destination receives only the fields that its rules keep, also in a replay', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const [id] = await publishEvents(log, 1, { properties });
  let refuses = true;
  const { shown, destination } = watching(({ event }) =>
    refuses ? { kind: 'dead', reason: `no ${JSON.stringify(event())}`, status: '400' } : delivered,
  );
  const worker = await startWorker(log, destination, { config: destinationConfig({ fields }) });
  await settled(log);

  // The destination's report contains only the fields that it received.
  expect(JSON.stringify(await readAttempts(log))).not.toContain(secretText);
  const [letter] = await readDead(log);
  expect(letter!.reason).not.toContain(secretText);
  expect(letter!.reason).toContain('12.5');
  // The entry has the whole event of the log, so that a fix validates all of it.
  expect(letter!.event).toMatchObject({ eventId: id, properties: { email: secretText } });

  refuses = false;
  await (await openQueue(log)).replay('crm:1');
  await settled(log, 'crm', 'REPLAY');
  await worker.stop();
  expect(shown).toHaveLength(2);
  expect(shown[1]).toBe(shown[0]);
  expect(shown.join()).not.toMatch(/kate|"u1"/);
  expect(shown[0]).toMatch(/"userId":"[0-9a-f]{64}"/);
});

test('settles and counts events of other sources and names as filtered', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { metrics, signals } = createTestSignals();
  const wanted = await publishEvents(log, 3);
  await publishEvents(log, 2, { eventName: 'page_viewed' });
  for (const source of ['web', 'shop-eu']) {
    const event = `{"eventId":"${source}","eventName":"order_completed","source":"${source}"}`;
    await log.store('EVENTS', `headgate.events.0.${source}.order_completed`, {}, event);
  }
  const destination = recording();
  const config = destinationConfig({ events: ['order_*'], sources: ['shop*'] });
  const worker = await startWorker(log, destination, { signals, config });
  await settled(log);
  await worker.stop();
  expect(destination.seen.map(({ eventId }) => eventId).sort()).toEqual(
    [...wanted, 'shop-eu'].sort(),
  );
  expect(metrics.deliveries.series('crm', 'filtered').value).toBe(3);
});

test('an unreadable event becomes a dead letter and never reaches the destination', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await log.store(
    'EVENTS',
    'headgate.events.0.shop.order_completed',
    {},
    `{"email":"${secretText}`,
  );
  await log.store(
    'EVENTS',
    'headgate.events.0.shop.order_completed',
    {},
    `{"email":"${secretText}"}`,
  );
  await publishEvents(log, 1);
  const { shown, destination } = watching();
  const worker = await startWorker(log, destination, { config: destinationConfig({ fields }) });
  await settled(log);
  await worker.stop();
  expect(shown).toHaveLength(1);
  const letters = await readDead(log);
  expect(letters.map(({ id, reason }) => [id, reason])).toEqual([
    ['crm:1', 'the payload is not a stored event: it is not JSON'],
    ['crm:2', 'the payload is not a stored event: it has no eventId or is not UTF-8'],
  ]);
  expect(JSON.stringify(await readAttempts(log))).not.toContain(secretText);
});
