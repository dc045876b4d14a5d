import { onTestFinished, expect, test } from 'vitest';

import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { whyNoEngine } from '../clickhouse/engine.ts';
import { deliverAll, deliveryOfEvent } from '../destinations/deliveries.ts';
import { whyNoPostgres } from '../destinations/postgres-server.ts';
import {
  startClickhouseEngine,
  startPostgresEngine,
  startSqliteEngine,
  type Engine,
} from './engines.ts';

/* An engine answers look-ups of a person, an event and a time by an index, or by its order. */

const contracts: readonly EventContract[] = [
  { name: 'thing_seen', schemas: [{ type: 'object', properties: { n: { type: 'integer' } } }] },
];
const events = 10_000;
const hour = 3_600_000;

/** Events of as many persons as `events / 10`, an hour apart. */
async function fill(engine: Engine): Promise<string> {
  const destination = await engine.open(() => contracts);
  const deliveries = Array.from({ length: events }, (_, n) => {
    const person = n % 2 === 0 ? { userId: `u-${n % 2000}` } : { anonymousId: `a-${n % 2000}` };
    return deliveryOfEvent({
      eventName: n % 4 === 0 ? 'unplanned_seen' : 'thing_seen',
      schemaVersion: n % 4 === 0 ? 0 : 1,
      properties: { n },
      eventTime: new Date(Date.UTC(2026, 0) + n * hour).toISOString(),
      ...person,
    });
  });
  await deliverAll(destination, deliveries);
  await destination.close();
  const [row] = await engine.rows('SELECT event_id FROM thing_seen LIMIT 1');
  return String(row!['event_id']);
}

const range = "event_time >= '2026-03-01 00:00:00' AND event_time < '2026-03-02 00:00:00'";

/** By what is looked for: the condition, and the table if it is not that of the event. */
const lookups = (id: string): Readonly<Record<string, readonly [string, string?]>> => ({
  event: [`event_id = '${id}'`],
  person: ["user_id = 'u-42'"],
  'person and time': [`user_id = 'u-42' AND ${range}`],
  'anonymous person': ["anonymous_id = 'a-43'"],
  time: [range],
  'event without a contract': [`event_name = 'unplanned_seen' AND ${range}`, 'unplanned_events'],
});

async function plansOf(
  engine: Engine,
  id: string,
  explain: string,
  final = '',
): Promise<Record<string, string>> {
  const plans: Record<string, string> = {};
  for (const [what, [where, table = 'thing_seen']] of Object.entries(lookups(id))) {
    const rows = await engine.rows(
      `${explain} SELECT event_id FROM ${table}${final} WHERE ${where}`,
    );
    plans[what] = rows.map((row) => Object.values(row).join(' ')).join('\n');
  }
  return plans;
}

test('SQLite', async () => {
  const engine = await startSqliteEngine();
  onTestFinished(() => engine.close());
  const id = await fill(engine);
  const byIndex = await engine.rows(
    `EXPLAIN QUERY PLAN SELECT * FROM thing_seen WHERE event_id = '${id}' AND headgate_number IN (
       SELECT number FROM headgate_ids WHERE key = ('0x' || replace(substr('${id}', 1, 13), '-', '')) ->> '$')`,
  );
  const steps = byIndex.map(({ detail }) => detail);
  expect(steps).toContain('SEARCH thing_seen USING INTEGER PRIMARY KEY (rowid=?)');
  expect(steps).toContain('SEARCH headgate_ids USING PRIMARY KEY (key=?)');
  expect(await plansOf(engine, id, 'EXPLAIN QUERY PLAN')).toEqual({
    // docs/destinations/tables.md has the look-up by the index of ids.
    event: expect.stringContaining('SCAN thing_seen'),
    person: expect.stringContaining('INDEX headgate_thing_seen_user (user_id=?)'),
    'person and time': expect.stringContaining('INDEX headgate_thing_seen_user (user_id=?)'),
    'anonymous person': expect.stringContaining(
      'INDEX headgate_thing_seen_anonymous (anonymous_id=?)',
    ),
    time: expect.stringContaining('INDEX headgate_thing_seen_time (event_time>? AND event_time<?)'),
    'event without a contract': expect.stringContaining(
      'INDEX headgate_unplanned_events_time (event_name=? AND event_time>? AND event_time<?)',
    ),
  });
});

test('PostgreSQL', async ({ skip }) => {
  const missing = whyNoPostgres();
  if (missing !== undefined) skip(missing);
  const engine = await startPostgresEngine();
  onTestFinished(() => engine.close());
  const id = await fill(engine);
  await engine.run('ANALYZE');
  const by = (index: string, condition: string): unknown =>
    expect.stringMatching(new RegExp(`Index.* ${index}[\\s\\S]*Index Cond: \\(+${condition}`));
  expect(await plansOf(engine, id, 'EXPLAIN')).toEqual({
    event: by('thing_seen_pkey', 'event_id = '),
    person: by('thing_seen_user_id_event_time_idx', 'user_id = '),
    'person and time': by('thing_seen_user_id_event_time_idx', 'user_id = .* AND .*event_time >='),
    'anonymous person': by('thing_seen_anonymous_id_event_time_idx', 'anonymous_id = '),
    time: by('thing_seen_event_time_idx', 'event_time >= '),
    'event without a contract': by('unplanned_events_event_name_event_time_idx', 'event_name = '),
  });
});

test('ClickHouse', async ({ skip }) => {
  const missing = whyNoEngine();
  if (missing !== undefined) skip(missing);
  const engine = await startClickhouseEngine();
  onTestFinished(() => engine.close());
  const by = (index: string): unknown => expect.stringMatching(new RegExp(index));
  const [byKey, bySkip] = ['PrimaryKey\\s+Keys:\\s+', 'Skip\\s+Name: headgate_by_'];
  expect(await plansOf(engine, await fill(engine), 'EXPLAIN indexes = 1', ' FINAL')).toEqual({
    event: by(`${byKey}event_id`),
    person: by(`${bySkip}user`),
    'person and time': by(`${bySkip}user`),
    'anonymous person': by(`${bySkip}anonymous`),
    time: by(`${bySkip}event_time`),
    'event without a contract': by(`${byKey}event_name`),
  });
});
