import { randomUUID } from 'node:crypto';

import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Delivery, Destination, Outcome } from '../../src/destinations/destination.ts';
import { createPostgresDestination } from '../../src/destinations/postgres/postgres.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import '../property-seed.ts';
import { deliveryOf, never, storedEvent } from './deliveries.ts';
import { asStored, payloads, values } from './payloads-of-all-types.ts';
import { askPostgres, postgresSettings } from './postgres-far-side.ts';
import { startPostgres, whyNoPostgres, type PostgresServer } from './postgres-server.ts';
import { startRelay } from './relay.ts';

/* Rows of typed tables that go by COPY, and what happens where COPY cannot take them. */

const missing = whyNoPostgres();
let server: PostgresServer;
let names = 0;
let name: string;
const opened: Destination[] = [];

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres();
});
afterAll(() => server?.close());
beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
  names += 1;
  name = `copied${names}_seen`;
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((destination) => destination.close()));
});

/** All types of columns. */
const schema = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    flag: { type: 'boolean' },
    whole: { type: 'integer' },
    large: { type: 'integer', maximum: 1e30 },
    amount: { type: 'number' },
    rough: { type: 'number', format: 'double' },
    id: { type: 'string', format: 'uuid' },
    day: { type: 'string', format: 'date' },
    clock: { type: 'string', format: 'time' },
    moment: { type: 'string', format: 'date-time' },
    list: { type: 'array' },
  },
};

interface Opened {
  readonly contracts?: () => readonly EventContract[];
  readonly settings?: Record<string, unknown>;
  /** Default: true. */
  readonly mayCopy?: boolean;
}

function open({ contracts, settings = {}, mayCopy = true }: Opened = {}): Destination {
  const all = postgresSettings(server, { tables: 'per_event', timeout: 5000, ...settings });
  const usual = [{ name, schemas: [schema] }];
  const own = contracts ?? (() => usual);
  const destination = createPostgresDestination('w', all, { contracts: own }, mayCopy);
  opened.push(destination);
  return destination;
}

const ask = (sql: string): Promise<Record<string, unknown>[]> => askPostgres(server, sql);

function deliveryWith(properties: Record<string, unknown>, more: object = {}): Delivery {
  const own = { eventName: name, schemaVersion: 1, properties: properties as never };
  return deliveryOf(asStored(storedEvent({ ...own, ...more })));
}

const several = (count = 8): Delivery[] =>
  Array.from({ length: count }, (_, whole) => deliveryWith({ whole }));
const delivered = { kind: 'delivered' };

async function countRows(table = name): Promise<number> {
  return Number((await ask(`SELECT count(*) AS n FROM ${table}`))[0]?.['n']);
}

/** From here on each row says how it was sent. */
const addWay = (): Promise<unknown> =>
  ask(`ALTER TABLE ${name} ADD COLUMN way text;
    ALTER TABLE ${name} ALTER COLUMN way
      SET DEFAULT CASE WHEN current_query() LIKE '%COPY%' THEN 'copy' ELSE 'insert' END`);

async function waysOf(): Promise<Record<string, number>> {
  const rows = await ask(
    `SELECT way, count(*)::int AS n FROM ${name} WHERE way IS NOT NULL GROUP BY way`,
  );
  return Object.fromEntries(rows.map((row) => [String(row['way']), Number(row['n'])]));
}

/** Opens a destination whose table exists. */
async function openReady(options: Opened = {}): Promise<Destination> {
  const destination = open(options);
  expect(await destination.deliver([deliveryWith({})], never)).toEqual([delivered]);
  await addWay();
  return destination;
}

async function expectDelivered(destination: Destination, batch: Delivery[]): Promise<void> {
  expect(await destination.deliver(batch, never)).toEqual(batch.map(() => delivered));
}

test('rows are the same by COPY and by INSERT, to the last digit', async () => {
  const batch = fc.sample(payloads, { numRuns: 400 });
  const own = batch.map((payload) => deliveryOf(payload.replace('NAME', name)));
  const copied = await openReady();
  const inserted = open({ mayCopy: false, settings: { table_prefix: 'other_' } });
  await expectDelivered(copied, own);
  await expectDelivered(inserted, own);
  expect(await waysOf()).toEqual({ copy: own.length });
  const columns = await ask(`SELECT column_name AS name FROM information_schema.columns
    WHERE table_name = 'other_${name}' AND column_name <> 'delivered_at'`);
  const list = columns.map((column) => `"${String(column['name'])}"`).join(', ');
  // As text: a number shows its digits after the point, and \ud800 is what UTF-8 has instead.
  const rows = (table: string): Promise<Record<string, unknown>[]> =>
    ask(
      `SELECT row(${list})::text AS row FROM ${table} WHERE way IS NULL OR way = 'copy' ORDER BY event_id`,
    );
  await ask(`ALTER TABLE other_${name} ADD COLUMN way text`);
  await ask(`DELETE FROM ${name} WHERE way IS NULL`);
  const expected = await rows(`other_${name}`);
  expect(expected).toHaveLength(own.length);
  expect(await rows(name)).toEqual(expected);
  const filled = await ask(
    `SELECT ${Object.keys(values)
      .map((key) => `count(${key})::int AS ${key}`)
      .join(', ')} FROM ${name}`,
  );
  expect(Math.min(...Object.values(filled[0]!).map(Number))).toBeGreaterThan(100);
});

test('rows go by COPY, however few', async () => {
  const destination = await openReady();
  for (const count of [1, 3, 300]) await expectDelivered(destination, several(count));
  expect(await waysOf()).toEqual({ copy: 304 });
});

test('the time of delivery is that of the server, one for a batch', async () => {
  const destination = await openReady();
  const [before] = await ask('SELECT clock_timestamp()::text AS now');
  await expectDelivered(destination, several());
  const times = await ask(`SELECT DISTINCT delivered_at FROM ${name} WHERE way = 'copy'
    AND delivered_at BETWEEN '${String(before?.['now'])}' AND clock_timestamp()`);
  expect(times).toHaveLength(1);
});

test('a batch with an event that is there goes by INSERT, and COPY pauses', async () => {
  const destination = await openReady();
  const batch = several();
  await expectDelivered(destination, batch);
  await expectDelivered(destination, [...several(), batch[3]!]);
  expect(await countRows()).toBe(17);
  expect(await waysOf()).toEqual({ copy: 8, insert: 8 });
  // The same event twice in one batch; and one batch of a pause.
  await expectDelivered(destination, several(1));
  const twin = deliveryWith({});
  await expectDelivered(destination, [twin, ...several(1), twin]);
  expect(await waysOf()).toEqual({ copy: 8, insert: 11 });
  for (let round = 0; round < 3; round += 1) await expectDelivered(destination, several(1));
  expect(await waysOf()).toEqual({ copy: 9, insert: 13 });
});

test('an answer that is lost on its way: the rows are there, and are not doubled', async () => {
  const relay = await startRelay(server.port);
  const url = server.url.replace(`:${server.port}/`, `:${relay.port}/`);
  const contracts = [{ name, schemas: [schema] }];
  const options = { contracts: () => contracts, settings: { url, timeout: 500, concurrency: 1 } };
  const destination = await openReady(options);
  const batch = several();
  const locked = ask(`BEGIN; LOCK TABLE ${name} IN EXCLUSIVE MODE; SELECT pg_sleep(0.2); COMMIT`);
  await expect
    .poll(() => ask("SELECT 1 FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation IS NOT NULL"))
    .toHaveLength(1);
  const answer = destination.deliver(batch, never);
  await locked;
  await answer;
  relay.loseAnswers();
  const late = several();
  expect(await destination.deliver(late, never)).toMatchObject(
    late.map(() => ({ kind: 'retry', fault: 'destination' })),
  );
  relay.thaw();
  for (const again of [batch, late]) await expectDelivered(destination, again.toReversed());
  expect(await countRows()).toBe(17);
  await destination.close();
  await relay.close();
});

test.each([
  ['a zero character', { properties: { text: 'a\u0000b' } }, '22021'],
  ['an id that is none', { eventId: 'my own secret id' }, '22P02'],
])('poison (%s) is dead alone', async (_what, poison, status) => {
  const destination = await openReady();
  const batch = [...several(3), deliveryWith({}, poison), ...several(3)];
  const outcomes = await destination.deliver(batch, never);
  expect(outcomes.map(({ kind }) => kind)).toEqual(
    batch.map((_each, at) => (at === 3 ? 'dead' : 'delivered')),
  );
  expect(outcomes[3]).toMatchObject({ status });
  expect(JSON.stringify(outcomes)).not.toContain('secret');
  expect(await countRows()).toBe(7);
});

test.each(['per_event', 'both'])(
  'a damaged payload is dead alone, and the others go by COPY: %s',
  async (tables) => {
    const table = `all_${name}`;
    const destination = await openReady({ settings: { tables, table } });
    const whole = deliveryWith({ flag: true }).payload;
    const damaged = [`${String(whole)}!`, String(whole).replace('true', 'secret')];
    const batch = [...several(2), ...damaged.map((payload) => deliveryOf(payload)), ...several(2)];
    const outcomes = await destination.deliver(batch, never);
    const dead = { kind: 'dead', reason: 'the payload is not JSON' };
    expect(outcomes).toEqual(
      [0, 1, 2, 3, 4, 5].map((at) => (at === 2 || at === 3 ? dead : delivered)),
    );
    expect(await waysOf()).toEqual({ copy: 4 });
    expect(await countRows(tables === 'both' ? table : name)).toBe(5);
    // Alone.
    expect(await destination.deliver(batch.slice(3, 4), never)).toEqual([dead]);
  },
);

test("what a constraint of yours refuses is the event's own, in both tables", async () => {
  const table = `all_${name}`;
  const destination = await openReady({ settings: { tables: 'both', table } });
  await expectDelivered(destination, several());
  expect(await waysOf()).toEqual({ copy: 8 });
  await ask(`ALTER TABLE ${name} ADD CONSTRAINT known CHECK (whole < 100)`);
  const batch = [...several(3), deliveryWith({ whole: 100 }), ...several(3)];
  const outcomes = await destination.deliver(batch, never);
  expect(outcomes.map(({ kind }) => kind)).toEqual(
    batch.map((_each, at) => (at === 3 ? 'retry' : 'delivered')),
  );
  expect(outcomes[3]).toMatchObject({ fault: 'event', status: '23514' });
  expect([await countRows(), await countRows(table)]).toEqual([15, 15]);
});

test('a column of another type takes the value by its text', async () => {
  const destination = await openReady();
  await ask(`ALTER TABLE ${name} ALTER COLUMN whole TYPE double precision`);
  await expectDelivered(destination, several());
  const rows = await ask(`SELECT whole FROM ${name} WHERE way = 'copy' ORDER BY whole`);
  expect(rows.map((row) => row['whole'])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('without its key a table takes no event twice', async () => {
  const destination = await openReady();
  const batch = several();
  await expectDelivered(destination, batch);
  await ask(`ALTER TABLE ${name} DROP CONSTRAINT ${name}_pkey`);
  const wait = { kind: 'retry', fault: 'destination' };
  for (let round = 0; round < 3; round += 1) {
    expect(await destination.deliver(batch, never)).toMatchObject(batch.map(() => wait));
  }
  expect(await countRows()).toBe(9);
  await ask(`ALTER TABLE ${name} ADD PRIMARY KEY (event_id)`);
  await expectDelivered(destination, batch);
  expect(await countRows()).toBe(9);
});

test('a table with partitions is filled by COPY', async () => {
  const destination = await openReady();
  await ask(`ALTER TABLE ${name} RENAME TO old_${name};
    CREATE TABLE ${name} (LIKE old_${name} INCLUDING DEFAULTS, PRIMARY KEY (event_id))
      PARTITION BY HASH (event_id);
    CREATE TABLE even_${name} PARTITION OF ${name} FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE odd_${name} PARTITION OF ${name} FOR VALUES WITH (MODULUS 2, REMAINDER 1)`);
  await expectDelivered(destination, several(40));
  expect(await waysOf()).toEqual({ copy: 40 });
});

test('with row level security, which COPY cannot take, rows go by INSERT', async () => {
  await openReady();
  const role = `clerk_of_${name}`;
  await ask(`CREATE ROLE ${role} LOGIN PASSWORD 'c';
    GRANT INSERT, SELECT ON ${name} TO ${role};
    GRANT INSERT, SELECT, DELETE ON unplanned_events TO ${role};
    GRANT SELECT ON headgate_tables TO ${role};
    ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY small ON ${name} USING (whole < 5 OR whole IS NULL)`);
  const url = server.url.replace(server.user, role);
  const clerk = open({ settings: { url, password: 'c' } });
  await expectDelivered(clerk, several(5));
  expect(await waysOf()).toEqual({ insert: 5 });
});

test('a table with a rule waits, because COPY would leave the rule out', async () => {
  const destination = await openReady();
  await ask(`CREATE RULE also AS ON INSERT TO ${name} DO ALSO NOTIFY seen`);
  const [outcome] = await destination.deliver(several(), never);
  expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination', status: '0A000' });
  expect(await countRows()).toBe(1);
});

test('workers with the same events in other orders do not stop each other', async () => {
  const contracts: EventContract[] = [
    { name, schemas: [schema] },
    { name: `${name}_too`, schemas: [schema] },
  ];
  const options = { contracts: () => contracts, settings: { concurrency: 4, timeout: 20_000 } };
  const workers = [await openReady(options), open(options)];
  for (let round = 0; round < 10; round += 1) {
    const batch = Array.from({ length: 400 }, (_, at) =>
      deliveryWith({}, { eventName: at % 2 === 0 ? name : `${name}_too` }),
    );
    const answers = await Promise.all([
      ...workers.map((destination) => destination.deliver(batch, never)),
      ...workers.map((destination) => destination.deliver(batch.toReversed(), never)),
    ]);
    const outcomes = new Set(answers.flat().map((outcome: Outcome) => JSON.stringify(outcome)));
    expect([...outcomes]).toEqual(['{"kind":"delivered"}']);
  }
  expect((await countRows()) + (await countRows(`${name}_too`))).toBe(4001);
  expect(await waysOf()).toMatchObject({ copy: expect.any(Number), insert: expect.any(Number) });
});

test('an event that was stored without a contract moves to its table', async () => {
  let contracts: EventContract[] = [];
  const destination = open({ contracts: () => contracts });
  const key = randomUUID();
  const batch = [
    ...several(),
    deliveryWith({ whole: 1 }, { idempotencyKey: key, schemaVersion: 0 }),
  ];
  const early = batch.map(({ payload }) =>
    deliveryOf(String(payload).replace('"schemaVersion":1', '"schemaVersion":0')),
  );
  await expectDelivered(destination, early);
  contracts = [{ name, schemas: [schema] }];
  await expectDelivered(destination, batch.slice(0, 4));
  await addWay();
  await expectDelivered(destination, batch.slice(4));
  expect(await waysOf()).toEqual({ copy: 5 });
  expect(await countRows()).toBe(9);
  const left = await ask(`SELECT 1 FROM unplanned_events WHERE event_name = '${name}'`);
  expect(left).toEqual([]);
});

test.each([
  [
    'partitions',
    'PARTITION BY HASH (event_id)',
    'PARTITION OF FROM FOR VALUES WITH (MODULUS 1, REMAINDER 0)',
  ],
  ['an heir', '', '(PRIMARY KEY (event_id)) INHERITS (FROM)'],
])('it moves also from a table with %s, which has no rows itself', async (_what, by, below) => {
  let contracts: EventContract[] = [];
  const destination = open({ contracts: () => contracts, settings: { table_prefix: `${name}_` } });
  const from = `${name}_unplanned_events`;
  const batch = several();
  await expectDelivered(
    destination,
    batch.map(({ payload }) =>
      deliveryOf(String(payload).replace('"schemaVersion":1', '"schemaVersion":0')),
    ),
  );
  await ask(`ALTER TABLE ${from} RENAME TO old_${name};
    CREATE TABLE ${from} (LIKE old_${name} INCLUDING DEFAULTS, PRIMARY KEY (event_id)) ${by};
    CREATE TABLE heir_${name} ${below.replace('FROM', from)};
    INSERT INTO heir_${name} SELECT * FROM old_${name}`);
  contracts = [{ name, schemas: [schema] }];
  await expectDelivered(destination, batch);
  expect(await countRows(`${name}_${name}`)).toBe(8);
  expect(await countRows(from)).toBe(0);
});

test('while another worker stores an event without a contract, it moves from there, too', async () => {
  const contracts = [{ name, schemas: [schema] }];
  const settings = { table_prefix: `${name}_` };
  const destination = open({ contracts: () => contracts, settings });
  const other = open({ contracts: () => [], settings });
  await expectDelivered(destination, several());
  const batch = several().map(({ payload }) =>
    deliveryOf(
      String(payload)
        .replace('"schemaVersion":1', '"schemaVersion":0')
        .replace(name, `${name}_late`),
    ),
  );
  await expectDelivered(other, batch);
  expect(await countRows(`${name}_unplanned_events`)).toBe(8);
  const late = [...contracts, { name: `${name}_late`, schemas: [schema] }];
  const again = open({ contracts: () => late, settings });
  await expectDelivered(again, batch);
  expect(await countRows(`${name}_unplanned_events`)).toBe(0);
  expect(await countRows(`${name}_${name}_late`)).toBe(8);
});

test.each(['per_event', 'both'])(
  'a batch of several tables is one transaction: %s',
  async (mode) => {
    const others = [`${name}_a`, `${name}_z`];
    const contracts = [name, ...others].map((each) => ({ name: each, schemas: [schema] }));
    const table = `all_${name}`;
    const settings = { tables: mode, table };
    const destination = await openReady({ contracts: () => contracts, settings });
    const batch = [name, ...others].flatMap((eventName) =>
      Array.from({ length: 5 }, () => deliveryWith({}, { eventName })),
    );
    await expectDelivered(destination, batch);
    const all = mode === 'both' ? [table] : [];
    const from = [...others, ...all].map((each) => `SELECT xmin, event_id FROM ${each}`);
    const [found] =
      await ask(`SELECT count(DISTINCT xmin::text)::int AS transactions, count(*)::int AS n
    FROM (SELECT xmin, event_id FROM ${name} WHERE way = 'copy' UNION ALL ${from.join(' UNION ALL ')}) AS sent
    WHERE event_id = ANY ('{${batch.map((delivery) => delivery.event().eventId).join(',')}}')`);
    expect(found).toEqual({ transactions: 1, n: mode === 'both' ? 30 : 15 });
  },
);
