import { afterAll, afterEach, describe, expect, test } from 'vitest';

import type {
  Destination,
  DestinationSettings,
  Outcome,
} from '../../src/destinations/destination.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import type { JsonObject } from '../../src/event/json/json.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import { deliveryOfEvent, never, readAll, storedEvent } from '../destinations/deliveries.ts';
import { columnsMax } from '../../src/destinations/tables/plan-table.ts';
import { whyNoPostgres } from '../destinations/postgres-server.ts';
import { checkQueries } from './documented-queries.ts';
import { startPostgresEngine, startSqliteEngine, type Engine } from './engines.ts';

const engines = [
  ['SQLite', startSqliteEngine, undefined],
  ['PostgreSQL', startPostgresEngine, whyNoPostgres()],
] as const;

const text = { type: 'string' };
const integer = { type: 'integer' };
const contractOf = (name: string, ...versions: JsonObject[]): EventContract => ({
  name,
  schemas: versions.map((properties) => ({ type: 'object', properties })),
});
const kinds = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ kind }) => kind);
const always = { fromMs: 0, toMs: Date.parse('2100-01-01') };

let names = 0;
/** A name for each test, because they share a database. */
const newName = (): string => `thing${(names += 1)}_viewed`;

/** What somebody may do to a table, so that it takes no row as it is; and how to take it back. */
const refusal = {
  SQLite: (name: string) =>
    `CREATE TRIGGER ${name}_no BEFORE INSERT ON ${name} BEGIN SELECT RAISE(ABORT, 'no'); END`,
  PostgreSQL: (name: string) => `ALTER TABLE ${name} ALTER COLUMN noted DROP DEFAULT`,
};
const consent = {
  SQLite: (name: string) => `DROP TRIGGER ${name}_no`,
  PostgreSQL: (name: string) => `ALTER TABLE ${name} ALTER COLUMN noted DROP NOT NULL`,
};

describe.each(engines)('%s', (engineName, start, missing) => {
  let started: Promise<Engine> | undefined;
  const opened: Destination[] = [];
  const engineOf = (skip: (reason: string) => void): Promise<Engine> => {
    if (missing !== undefined) skip(missing);
    return (started ??= start());
  };
  const open = async (
    engine: Engine,
    contracts: () => readonly EventContract[],
    more: DestinationSettings = {},
  ): Promise<Destination> => {
    const destination = await engine.open(contracts, more);
    opened.push(destination);
    return destination;
  };
  const deliver = (
    destination: Destination,
    ...events: Partial<StoredEvent>[]
  ): Promise<Outcome[]> =>
    destination.deliver(
      events.map((event) => deliveryOfEvent(event)),
      never,
    );
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((destination) => destination.close()));
  });
  afterAll(async () => (await started)?.close());

  test('the ten queries of the page answer as they are', async ({ skip }) => {
    const engine = await engineOf(skip);
    await expect(checkQueries(engine)).resolves.toBeUndefined();
  });

  test('two workers make the same tables at once', async ({ skip }) => {
    const engine = await engineOf(skip);
    const contracts = Array.from({ length: 5 }, () =>
      contractOf(newName(), { a: text }, { a: text, b: integer }),
    );
    const workers = await Promise.all([1, 2, 3].map(() => open(engine, () => contracts)));
    const batch = contracts.map(({ name }) =>
      storedEvent({ eventName: name, properties: { a: 'x', b: 1 } }),
    );
    const outcomes = await Promise.all(
      workers.map(async (worker) => {
        // A lock that is waited for too long is an outage: the worker comes again.
        for (;;) {
          const got = kinds(await deliver(worker, ...batch));
          if (got.every((kind) => kind === 'delivered')) return got.length;
          expect(got).not.toContain('dead');
        }
      }),
    );
    expect(outcomes).toEqual([5, 5, 5]);
    for (const { name } of contracts) {
      expect(await engine.rows(`SELECT a, b FROM ${name}`)).toEqual([{ a: 'x', b: '1' }]);
    }
  });

  test.for([1, 22, 300])(
    'a row has room for every column, with texts of %i characters',
    async (length, { skip }) => {
      const engine = await engineOf(skip);
      const name = newName();
      const value = 'x'.repeat(length);
      const all = <Value>(of: Value): Record<string, Value> =>
        Object.fromEntries(Array.from({ length: columnsMax }, (_, at) => [`p${at}`, of]));
      const destination = await open(engine, () => [contractOf(name, all<JsonObject>(text))]);
      const event = { eventName: name, schemaVersion: 1, properties: all(value) };
      const short = 'y'.repeat(22);
      const filled = { userId: short, anonymousId: short, source: short, correlationId: short };
      expect(await deliver(destination, { ...event, ...filled })).toEqual([{ kind: 'delivered' }]);
      const last = `p${columnsMax - 1}`;
      expect(await engine.rows(`SELECT ${last} FROM ${name}`)).toEqual([{ [last]: value }]);
    },
  );

  test('a column that somebody dropped is made again, and no event is lost', async ({ skip }) => {
    const engine = await engineOf(skip);
    const name = newName();
    const destination = await open(engine, () => [contractOf(name, { a: text, b: text })]);
    const event = { eventName: name, schemaVersion: 1, properties: { a: 'x', b: 'y' } };
    expect(kinds(await deliver(destination, event))).toEqual(['delivered']);
    await engine.run(`ALTER TABLE ${name} DROP COLUMN b`);
    await expect.poll(async () => kinds(await deliver(destination, event))).toEqual(['delivered']);
    expect(await engine.rows(`SELECT b FROM ${name} ORDER BY b`)).toContainEqual({ b: 'y' });
  });

  test('a column of another type stops the worker with a reason, until somebody renames it', async ({
    skip,
  }) => {
    const engine = await engineOf(skip);
    const name = newName();
    let contract = contractOf(name, { a: text });
    const destination = await open(engine, () => [contract]);
    const first = { eventName: name, schemaVersion: 1, properties: { a: 'x' } };
    expect(kinds(await deliver(destination, first))).toEqual(['delivered']);
    await engine.run(`ALTER TABLE ${name} ADD COLUMN b text`);
    contract = contractOf(name, { a: text }, { a: text, b: integer });
    const second = { eventName: name, schemaVersion: 2, properties: { a: 'y', b: 2 } };
    const [outcome] = await deliver(destination, second);
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    expect(outcome).toMatchObject({ reason: expect.stringContaining('its column b is ') });
    await engine.run(`ALTER TABLE ${name} RENAME COLUMN b TO noted`);
    expect(kinds(await deliver(destination, second))).toEqual(['delivered']);
    expect(await engine.rows(`SELECT a, b FROM ${name} ORDER BY a`)).toEqual([
      { a: 'x', b: null },
      { a: 'y', b: '2' },
    ]);
  });

  test('a table of another program stays as it is', async ({ skip }) => {
    const engine = await engineOf(skip);
    const name = newName();
    await engine.run(`CREATE TABLE ${name} (id text)`);
    const destination = await open(engine, () => [contractOf(name, { a: text })]);
    const [outcome] = await deliver(destination, { eventName: name, schemaVersion: 1 });
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    expect(outcome).toMatchObject({ reason: expect.stringContaining('another program') });
    expect(await engine.columns(name)).toEqual(['id']);
    const prefixed = await open(engine, () => [contractOf(name, { a: text })], {
      table_prefix: 'hg_',
    });
    expect(kinds(await deliver(prefixed, { eventName: name, schemaVersion: 1 }))).toEqual([
      'delivered',
    ]);
    expect(await engine.rows(`SELECT event_name FROM hg_${name}`)).toHaveLength(1);
  });

  test('a column that must have a value makes events wait, and none is a dead letter', async ({
    skip,
  }) => {
    const engine = await engineOf(skip);
    const name = newName();
    const destination = await open(engine, () => [contractOf(name, { a: text })]);
    const event = storedEvent({ eventName: name, schemaVersion: 1, properties: { a: 'x' } });
    expect(kinds(await deliver(destination, { eventName: name }))).toEqual(['delivered']);
    await engine.run(`ALTER TABLE ${name} ADD COLUMN noted text NOT NULL DEFAULT 'x'`);
    expect(kinds(await deliver(destination, event))).toEqual(['delivered']);
    await engine.run(refusal[engineName](name));
    const other = storedEvent({ eventName: name, schemaVersion: 1, properties: { a: 'y' } });
    const [outcome] = await deliver(destination, other);
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    await engine.run(consent[engineName](name));
    expect(kinds(await deliver(destination, other))).toEqual(['delivered']);
    expect(await engine.rows(`SELECT a FROM ${name} WHERE a = 'y'`)).toHaveLength(1);
  });

  test('an event that got a contract is one row, though it had been stored without', async ({
    skip,
  }) => {
    const engine = await engineOf(skip);
    const name = newName();
    let contracts: readonly EventContract[] = [];
    const destination = await open(engine, () => contracts);
    const event = storedEvent({ eventName: name, properties: { a: 'x' } });
    const older = deliveryOfEvent({ ...event, schemaVersion: 0 });
    const of = `FROM unplanned_events WHERE event_name = '${name}'`;
    await destination.deliver([older], never);
    expect(await engine.rows(`SELECT event_id ${of}`)).toHaveLength(1);
    contracts = [contractOf(name, { a: text })];
    await destination.deliver([older], never);
    expect(await engine.rows(`SELECT event_id ${of}`)).toEqual([]);
    // Its contract is gone: it keeps its table.
    contracts = [];
    await destination.deliver([older], never);
    expect(await engine.rows(`SELECT event_id ${of}`)).toEqual([]);
    const held = await readAll(destination.stored!(always));
    expect(held.filter(({ eventName }) => eventName === name)).toEqual([
      { eventId: event.eventId, eventName: name, timestamp: event.timestamp },
    ]);
  });

  test('a value that does not fit leaves its column empty, and no event is lost', async ({
    skip,
  }) => {
    const engine = await engineOf(skip);
    const name = newName();
    const contracts = [contractOf(name, { a: integer, b: text })];
    const destination = await open(engine, () => contracts, { tables: 'both' });
    const properties = { a: 'not a number', b: 'y', more: { c: 1 } };
    const event = storedEvent({ eventName: name, schemaVersion: 1, properties });
    expect(kinds(await deliver(destination, event))).toEqual(['delivered']);
    const [row] = await engine.rows(`SELECT a, b, misfits, properties FROM ${name}`);
    expect([row?.['a'], row?.['b'], row?.['misfits']]).toEqual([null, 'y', '["a"]']);
    expect(JSON.parse(String(row?.['properties']))).toEqual(properties);
    const inEvents = `SELECT event_id FROM events WHERE event_name = '${name}'`;
    expect(await engine.rows(inEvents)).toEqual([{ event_id: event.eventId }]);
  });

  test('an event whose version is not known here waits for its contract', async ({ skip }) => {
    const engine = await engineOf(skip);
    const name = newName();
    let contracts = [contractOf(name, { a: text })];
    const destination = await open(engine, () => contracts);
    const timestamp = new Date().toISOString();
    const properties = { a: 'x', b: 1 };
    const event = storedEvent({ eventName: name, schemaVersion: 2, timestamp, properties });
    const [outcome] = await deliver(destination, event);
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    expect(outcome).toMatchObject({ reason: expect.stringContaining('version 2') });
    contracts = [contractOf(name, { a: text }, { a: text, b: integer })];
    expect(kinds(await deliver(destination, event))).toEqual(['delivered']);
    expect(await engine.rows(`SELECT a, b FROM ${name}`)).toEqual([{ a: 'x', b: '1' }]);
    // Of a contract that is gone, such events are delivered again: none waits.
    const older = storedEvent({ eventName: name, schemaVersion: 9, properties });
    expect(kinds(await deliver(destination, older))).toEqual(['delivered']);
  });

  test('a view reads a property whose type has changed, however often', async ({ skip }) => {
    const engine = await engineOf(skip);
    const name = newName();
    const versions = [{ a: integer }, { a: { type: 'number' } }, { a: text }, { a: text, b: text }];
    for (const [at, a] of [1, 2.5, 'three', 'four'].entries()) {
      const contracts = [contractOf(name, ...versions.slice(0, at + 1))];
      const destination = await open(engine, () => contracts);
      const event = { eventName: name, schemaVersion: at + 1, properties: { a } };
      expect(kinds(await deliver(destination, event))).toEqual(['delivered']);
    }
    const seen = await engine.rows(`SELECT a FROM ${name}_all`);
    expect(seen.map(({ a }) => a).toSorted()).toEqual(['1', '2.5', 'four', 'three']);
    expect(await engine.columns(name)).toEqual(
      expect.arrayContaining(['a', 'a_v2', 'a_v3', 'b', 'properties']),
    );
  });

  test('a worker with older contracts leaves a newer view as it is', async ({ skip }) => {
    const engine = await engineOf(skip);
    const name = newName();
    const versions = [{ a: integer }, { a: text }, { a: { type: 'boolean' } }];
    const deliverBy = async (known: number, a: unknown): Promise<void> => {
      const contracts = [contractOf(name, ...versions.slice(0, known))];
      const destination = await open(engine, () => contracts);
      const event = { eventName: name, schemaVersion: known, properties: { a } as JsonObject };
      expect(kinds(await deliver(destination, event))).toEqual(['delivered']);
    };
    await deliverBy(3, true);
    await deliverBy(2, 'two');
    await deliverBy(1, 1);
    const seen = await engine.rows(`SELECT a FROM ${name}_all`);
    expect(seen.map(({ a }) => a).toSorted()).toEqual(['1', 'true', 'two']);
  });
});
