import { readFileSync } from 'node:fs';

import { expect, onTestFinished, test } from 'vitest';

import type { StoredEvent } from '../../../src/event/stored-event.ts';
import { deliverAll, deliveryOfEvent, storedEvent } from '../../destinations/deliveries.ts';
import { startSqliteEngine, type Engine } from '../engines.ts';

const page = readFileSync('docs/destinations/sqlite.md', 'utf8');
const [, section] = page.split('## Find an event by its id\n');
const documented = /```sql\n(.*?);?\n```/s.exec(section!)![1]!;
const documentedId = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(documented)![0];

/** As the page says for a table of one event. */
const ofTable = (query: string): string =>
  query
    .replaceAll(/\bevents\b/g, 'thing_seen')
    .replaceAll(/\bnumber\b(?= (?:IN|>))/g, 'headgate_number')
    .replaceAll('event_ids', 'headgate_ids')
    .replaceAll('event_id_merge', 'headgate_id_merge');

const contracts = [{ name: 'thing_seen', schemas: [{ type: 'object', properties: {} }] }];

async function expectFound(engine: Engine, event: StoredEvent): Promise<void> {
  const query = documented.replaceAll(documentedId, event.eventId);
  for (const [table, asked] of [
    ['events', query],
    ['thing_seen', ofTable(query)],
  ] as const) {
    expect(await engine.rows(asked)).toMatchObject([{ event_id: event.eventId }]);
    const plan = await engine.rows(`EXPLAIN QUERY PLAN ${asked}`);
    expect(plan.map(({ detail }) => detail)).not.toContainEqual(
      expect.stringMatching(`^SCAN (${table}|event_ids|headgate_ids)`),
    );
  }
}

test('the query of the page finds an event by its id in a file of any size', async () => {
  const engine = await startSqliteEngine();
  onTestFinished(() => engine.close());
  const destination = await engine.open(() => contracts, { tables: 'both' });
  const some = (count: number): StoredEvent[] =>
    Array.from({ length: count }, () =>
      storedEvent({ eventName: 'thing_seen', schemaVersion: 1, properties: {} }),
    );
  const deliver = (events: readonly StoredEvent[]): Promise<unknown> =>
    deliverAll(
      destination,
      events.map((event) => deliveryOfEvent(event)),
    );
  const first = some(3);
  await deliver(first);
  for (const event of first) await expectFound(engine, event);
  const more = some(75_000);
  await deliver(more);
  for (const event of [first[0]!, more[0]!, more[30_000]!, more.at(-1)!]) {
    await expectFound(engine, event);
  }
  const ids = await engine.rows('SELECT count(*) AS n FROM event_ids');
  expect(Number(ids[0]!['n'])).toBeGreaterThan(0);
  await destination.close();
});

test('the query of the page uses what SQLite 3.38 has', () => {
  // JSON5 came with 3.42.
  expect(documented).not.toMatch(/->|json/i);
});
