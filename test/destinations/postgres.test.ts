import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type {
  Delivery,
  Destination,
  DestinationSettings,
} from '../../src/destinations/destination.ts';
import { createPostgresDestination } from '../../src/destinations/postgres/postgres.ts';
import { insertEvents, quoteTable } from '../../src/destinations/postgres/table.ts';
import { StartError } from '../../src/errors.ts';
import { deliveryOf, deliveryOfEvent, never, storedEvent } from './deliveries.ts';
import { askPostgres, postgresSettings } from './postgres-far-side.ts';
import { startRelay } from './relay.ts';
import { startPostgres, whyNoPostgres, type PostgresServer } from './postgres-server.ts';

const missing = whyNoPostgres();
let server: PostgresServer;
let tables = 0;
let table: string;
const opened: Destination[] = [];

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres();
});
afterAll(() => server?.close());
beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((destination) => destination.close()));
});

function open(more: DestinationSettings = {}): Destination {
  const settings = postgresSettings(server, { table, timeout: 5000, ...more });
  const destination = createPostgresDestination('warehouse', settings);
  opened.push(destination);
  return destination;
}

/** A destination with a table of its own. */
function openNew(more: DestinationSettings = {}): Destination {
  tables += 1;
  table = `own_${tables}`;
  return open(more);
}

const ask = (sql: string): Promise<Record<string, unknown>[]> => askPostgres(server, sql);

async function countRows(): Promise<number> {
  return Number((await ask(`SELECT count(*) AS n FROM ${table}`))[0]?.['n']);
}

test('an event is a row, with its types and its long numbers', async () => {
  const destination = openNew();
  const event = {
    ...storedEvent({
      userId: 'ü "1"',
      context: { page: '/' },
      occurredAt: '2026-03-01T13:00:00.123456+01:00',
      warnings: [{ code: 'schema_violation', message: 'm' }] as never,
    }),
    properties: 'HERE',
  };
  const number = '12345678901234567890.123456789';
  const payload = JSON.stringify(event).replace(
    '"HERE"',
    `{"total":${number},"text":"{a,\\"b\\"}\\\\"}`,
  );
  const delivery = deliveryOf(payload);
  expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
  const [row] = await ask(
    `SELECT *, properties->>'total' AS total, properties->>'text' AS text,
       occurred_at = '2026-03-01T12:00:00.123456Z' AS same_time,
       timestamp = '2026-03-01T12:00:00.123Z' AS same_timestamp FROM ${table}`,
  );
  expect(row).toMatchObject({
    event_id: event.eventId,
    event_name: 'order_completed',
    source: 'checkout',
    user_id: 'ü "1"',
    anonymous_id: null,
    idempotency_key: event.idempotencyKey,
    schema_version: 2,
    context: { page: '/' },
    warnings: [{ code: 'schema_violation', message: 'm' }],
    sequence: String(delivery.sequence),
    total: number,
    text: '{a,"b"}\\',
    same_time: true,
    same_timestamp: true,
  });
});

test.each([
  ['a zero character in text', { properties: { text: 'a\u0000b' } }, '22P05'],
  ['a time that is none', { occurredAt: 'tomorrow-ish' }, '22007'],
  ['an id that is none', { eventId: 'my own secret id' }, '22P02'],
])('poison (%s) is dead alone, wherever in its batch it is', async (_, poison, status) => {
  const destination = openNew();
  for (const at of [0, 4, 6]) {
    const batch = Array.from({ length: 7 }, (_each, index) =>
      index === at
        ? deliveryOf(JSON.stringify({ ...storedEvent(), ...poison }))
        : deliveryOfEvent(),
    );
    const outcomes = await destination.deliver(batch, never);
    expect(outcomes.map(({ kind }) => kind)).toEqual(
      batch.map((_each, index) => (index === at ? 'dead' : 'delivered')),
    );
    const outcome = outcomes[at];
    expect(outcome).toMatchObject({ status, reason: expect.stringContaining(status) });
    // A reason is kept and shown; an event's data stays where it is.
    expect(JSON.stringify(outcome)).not.toMatch(/secret|tomorrow/);
  }
  expect(await countRows()).toBe(18);
});

test("what a constraint of yours refuses is the event's own, and no other's", async () => {
  const destination = openNew();
  await destination.deliver([deliveryOfEvent()], never);
  await ask(`ALTER TABLE ${table} ADD CONSTRAINT known CHECK (source <> 'unknown')`);
  const batch = [deliveryOfEvent(), deliveryOfEvent({ source: 'unknown' }), deliveryOfEvent()];
  expect(await destination.deliver(batch, never)).toMatchObject([
    { kind: 'delivered' },
    { kind: 'retry', fault: 'event', status: '23514' },
    { kind: 'delivered' },
  ]);
});

test("what a trigger of yours refuses is the event's own, too", async () => {
  const destination = openNew();
  await destination.deliver([deliveryOfEvent()], never);
  await ask(`CREATE FUNCTION refuse_${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.source = 'unknown' THEN RAISE EXCEPTION 'not that one'; END IF; RETURN NEW; END $$`);
  await ask(`CREATE TRIGGER refuse BEFORE INSERT ON ${table}
    FOR EACH ROW EXECUTE FUNCTION refuse_${table}()`);
  const batch = [deliveryOfEvent(), deliveryOfEvent({ source: 'unknown' }), deliveryOfEvent()];
  expect(await destination.deliver(batch, never)).toMatchObject([
    { kind: 'delivered' },
    { kind: 'retry', fault: 'event', status: 'P0001' },
    { kind: 'delivered' },
  ]);
});

test('a unique constraint of the operator never drops an event silently', async () => {
  const destination = openNew();
  await destination.deliver([deliveryOfEvent({ userId: 'one' })], never);
  await ask(`CREATE UNIQUE INDEX ON ${table} (user_id)`);
  const outcomes = await destination.deliver([deliveryOfEvent({ userId: 'one' })], never);
  expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'event', status: '23505' }]);
});

test('a batch beyond one statement arrives whole', async () => {
  const destination = openNew();
  const text = 'x'.repeat(3 * 1024 * 1024);
  const batch = Array.from({ length: 5 }, () => deliveryOfEvent({ properties: { text } }));
  expect(await destination.deliver(batch, never)).toEqual(batch.map(() => ({ kind: 'delivered' })));
  expect(await countRows()).toBe(5);
});

async function expectWaiting(destination: Destination, text: RegExp): Promise<void> {
  const batch: Delivery[] = [deliveryOfEvent(), deliveryOfEvent()];
  const outcomes = await destination.deliver(batch, never);
  const waiting = { kind: 'retry', fault: 'destination', reason: expect.stringMatching(text) };
  expect(outcomes).toEqual(batch.map(() => expect.objectContaining(waiting)));
  expect(JSON.stringify(outcomes)).not.toContain(server.password);
}

test("a wrong password, table, right or certificate is the destination's fault", async () => {
  expect.hasAssertions();
  await expectWaiting(openNew({ password: 'wrong' }), /28P01: password authentication failed/);
  await expectWaiting(openNew({ tls: true }), /does not support SSL.*set `tls: false`$/);
  await expectWaiting(openNew({ url: server.url.replace(/postgres$/, 'absent') }), /3D000/);
  const destination = openNew();
  await ask(`CREATE TABLE ${table} (id integer)`);
  await expectWaiting(destination, /42703/);
});

test('a locked table is given up after the timeout, and nothing is counted twice', async () => {
  const destination = openNew({ timeout: 300 });
  await destination.deliver([deliveryOfEvent()], never);
  const locked = ask(`BEGIN; LOCK TABLE ${table} IN EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT`);
  await expect
    .poll(() => ask("SELECT 1 FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation IS NOT NULL"))
    .toHaveLength(1);
  await expectWaiting(destination, /57014/);
  await locked;
  expect(await countRows()).toBe(1);
});

test('an answer that is lost on its way: the rows are there, and are not doubled', async () => {
  const relay = await startRelay(server.port);
  const url = server.url.replace(`:${server.port}/`, `:${relay.port}/`);
  const destination = openNew({ url, timeout: 500, concurrency: 1 });
  await destination.deliver([deliveryOfEvent()], never);
  relay.loseAnswers();
  const batch = [deliveryOfEvent(), deliveryOfEvent()];
  expect(await destination.deliver(batch, never)).toMatchObject([
    { kind: 'retry', fault: 'destination' },
    { kind: 'retry', fault: 'destination' },
  ]);
  await expect.poll(countRows).toBe(3);
  relay.thaw();
  const again = await destination.deliver(batch.toReversed(), never);
  expect(again).toEqual([{ kind: 'delivered' }, { kind: 'delivered' }]);
  expect(await countRows()).toBe(3);
  await destination.close();
  await relay.close();
});

test('workers with the same events in other orders do not stop each other', async () => {
  const several = [
    openNew({ concurrency: 4, timeout: 20_000 }),
    open({ concurrency: 4, timeout: 20_000 }),
  ];
  await several[0]!.deliver([deliveryOfEvent()], never);
  for (let round = 0; round < 10; round += 1) {
    const batch = Array.from({ length: 400 }, () => deliveryOfEvent());
    const answers = await Promise.all([
      ...several.map((destination) => destination.deliver(batch, never)),
      ...several.map((destination) => destination.deliver(batch.toReversed(), never)),
    ]);
    const outcomes = new Set(answers.flat().map((outcome) => JSON.stringify(outcome)));
    expect([...outcomes]).toEqual(['{"kind":"delivered"}']);
  }
  expect(await countRows()).toBe(4001);
});

test('a dropped table is created again, and its batch is delivered again', async () => {
  const destination = openNew();
  await destination.deliver([deliveryOfEvent()], never);
  await ask(`DROP TABLE ${table}`);
  await expectWaiting(destination, /42P01/);
  expect(await destination.deliver([deliveryOfEvent()], never)).toEqual([{ kind: 'delivered' }]);
});

test('a restart of the server is an outage, and so is a server that is down at the start', async () => {
  const destination = openNew();
  await destination.deliver([deliveryOfEvent()], never);
  await server.stop();
  await expectWaiting(destination, /ECONNREFUSED|57P0|terminated/);
  const late = open();
  await expectWaiting(late, /ECONNREFUSED/);
  await server.start();
  expect(await destination.deliver([deliveryOfEvent()], never)).toEqual([{ kind: 'delivered' }]);
  expect(await late.deliver([deliveryOfEvent()], never)).toEqual([{ kind: 'delivered' }]);
  expect(await countRows()).toBe(3);
});

test('several may create the table at once, and one may only insert', async () => {
  tables += 1;
  table = `own_${tables}`;
  const several = Array.from({ length: 5 }, () => open());
  const answers = await Promise.all(
    several.map((destination) => destination.deliver([deliveryOfEvent()], never)),
  );
  expect(answers.flat()).toEqual(several.map(() => ({ kind: 'delivered' })));
  await ask(`CREATE ROLE clerk LOGIN PASSWORD 'c'; GRANT INSERT, SELECT ON ${table} TO clerk`);
  const url = server.url.replace(server.user, 'clerk');
  const clerk = open({ url, password: 'c' });
  expect(await clerk.deliver([deliveryOfEvent()], never)).toEqual([{ kind: 'delivered' }]);
});

test('what it holds is read over many pages', async () => {
  const destination = openNew();
  const batches = Array.from({ length: 9 }, () =>
    Array.from({ length: 500 }, () => deliveryOfEvent()),
  );
  for (const batch of batches) await destination.deliver(batch, never);
  const ids = new Set<string>();
  for await (const { eventId } of destination.stored!({ fromMs: 0, toMs: Date.UTC(2027, 0) })) {
    ids.add(eventId);
  }
  expect(ids).toEqual(new Set(batches.flat().map((delivery) => delivery.event().eventId)));
});

test('by TLS it connects to a server whose certificate it can check, and to no other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-tls-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=db.example', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
  execFileSync('openssl', [...args, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  const secured = await startPostgres({ key, certificate });
  try {
    const settings = postgresSettings(secured, { tls: true, timeout: 5000 });
    const known = createPostgresDestination('w', { ...settings, tls_ca: certificate });
    const unknown = createPostgresDestination('w', settings);
    const batch = [deliveryOfEvent()];
    expect(await known.deliver(batch, never)).toEqual([{ kind: 'delivered' }]);
    expect(await unknown.deliver(batch, never)).toMatchObject([
      { fault: 'destination', reason: expect.stringContaining('SELF_SIGNED') },
    ]);
    const byName = { ...settings, url: secured.url.replace('127.0.0.1', 'localhost') };
    const misnamed = createPostgresDestination('w', { ...byName, tls_ca: certificate });
    expect(await misnamed.deliver(batch, never)).toMatchObject([
      { fault: 'destination', reason: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') },
    ]);
    await Promise.all([known, unknown, misnamed].map((destination) => destination.close()));
  } finally {
    await secured.close();
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ['url', { url: 'https://x/y' }, /begin with postgres/],
  ['url', { url: 'postgres://user:pass%C3word@host/db?sslmode=disable' }, /take out what follows/],
  ['url', { url: 'postgres://user:50%off@host/db', password: null }, /write %25/],
  ['url', { url: 'postgres://host/db' }, /name a user/],
  ['url', { url: 'postgres://user@host' }, /name a database/],
  ['table', { table: 'a.b.c' }, /use a-z/],
  ['table', { table: 'events; DROP TABLE x' }, /use a-z/],
  ['tls_ca', { tls: true, tls_ca: '/not/there.pem' }, /ENOENT/],
])('a %s that cannot be right stops the start with a sentence: %j', (setting, wrong, text) => {
  const settings = { ...postgresSettings({ ...server, url: 'postgres://u@h/d' }), ...wrong };
  const create = (): Destination => createPostgresDestination('warehouse', settings);
  expect(create).toThrow(StartError);
  expect(create).toThrow(`destinations.warehouse.${setting}: `);
  expect(create).toThrow(text);
});

test('PostgreSQL parses the payload of an event once, not once for each column', async () => {
  const destination = openNew();
  await destination.deliver([deliveryOfEvent()], never);
  const statement = insertEvents(quoteTable(table)!, true)
    .replace('$1::text[]', "ARRAY['{}']")
    .replace('$2::text[]', "ARRAY['1']")
    .replace('$3::text[]', 'ARRAY[NULL::text]');
  const plan = await ask(`EXPLAIN (VERBOSE, COSTS OFF) ${statement}`);
  const text = plan.map((row) => String(row['QUERY PLAN'])).join('\n');
  expect(text.match(/payload\)?::jsonb/g)).toHaveLength(1);
});
