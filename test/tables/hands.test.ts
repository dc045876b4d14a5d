import { afterAll, afterEach, describe, expect, test } from 'vitest';

import type {
  Destination,
  DestinationSettings,
  Outcome,
} from '../../src/destinations/destination.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import { whyNoEngine } from '../clickhouse/engine.ts';
import { deliveryOfEvent, never, readAll, storedEvent } from '../destinations/deliveries.ts';
import { whyNoPostgres } from '../destinations/postgres-server.ts';
import { acts, type EngineName } from './acts-by-hand.ts';
import {
  startClickhouseEngine,
  startPostgresEngine,
  startSqliteEngine,
  type Engine,
} from './engines.ts';

/* What people do to tables by hand: no event is lost or counted twice, and the reason says what to do. */

const engines: Readonly<Record<EngineName, readonly [() => Promise<Engine>, string | undefined]>> =
  {
    SQLite: [startSqliteEngine, undefined],
    PostgreSQL: [startPostgresEngine, whyNoPostgres()],
    ClickHouse: [startClickhouseEngine, whyNoEngine()],
  };
const names = Object.keys(engines) as EngineName[];

const cases = acts.flatMap((act) =>
  names.filter((name) => act.done[name] !== undefined).map((name) => ({ name, act })),
);

const started = new Map<EngineName, Promise<Engine>>();
const opened: Destination[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((destination) => destination.close()));
});
afterAll(async () => {
  for (const engine of started.values()) await (await engine).close();
});

function engineOf(name: EngineName, skip: (reason: string) => void): Promise<Engine> {
  const [start, missing] = engines[name];
  if (missing !== undefined) skip(missing);
  const engine = started.get(name) ?? start();
  started.set(name, engine);
  return engine;
}

async function open(
  engine: Engine,
  contracts: () => readonly EventContract[],
  more: DestinationSettings = {},
): Promise<Destination> {
  const destination = await engine.open(contracts, more);
  opened.push(destination);
  return destination;
}

async function deliver(destination: Destination, event: Partial<StoredEvent>): Promise<Outcome> {
  const [outcome] = await destination.deliver([deliveryOfEvent(event)], never);
  return outcome!;
}

/** Until it is delivered: what a running worker has kept of a table may fail once. */
async function deliverSoon(destination: Destination, event: Partial<StoredEvent>): Promise<void> {
  await expect
    .poll(() => deliver(destination, event), { timeout: 10_000 })
    .toEqual({ kind: 'delivered' });
}

let count = 0;
const newName = (): string => `hand${(count += 1)}_seen`;

/** Its property `n` has changed its type, so that it has a view. */
const contractOf = (name: string): EventContract => ({
  name,
  schemas: ['integer', 'string'].map((type) => ({ type: 'object', properties: { n: { type } } })),
});
const always = { fromMs: 0, toMs: Date.parse('2100-01-01') };

async function heldIds(destination: Destination, eventName: string): Promise<string[]> {
  const held = await readAll(destination.stored!(always));
  return held.filter((event) => event.eventName === eventName).map(({ eventId }) => eventId);
}

test.for(cases)('$name: somebody $act.what', async ({ name: engineName, act }, { skip }) => {
  const engine = await engineOf(engineName, skip);
  const name = newName();
  const contracts = (): EventContract[] => [contractOf(name)];
  const runAll = async (statements: readonly string[] = []): Promise<void> => {
    for (const statement of statements) {
      if (statement === 'KEYLESS')
        await engine.run(await keylessCopy(engine, `${name}_other`, name));
      else await engine.run(statement.replaceAll('TABLE_', name));
    }
  };
  const running = await open(engine, contracts);
  const first = storedEvent({ eventName: name, schemaVersion: 1, properties: { n: 1 } });
  await deliverSoon(running, first);
  await runAll(act.done[engineName]);
  const second = storedEvent({ eventName: name, schemaVersion: 2, properties: { n: 'two' } });
  const worker = act.atStart === true ? await open(engine, contracts) : running;
  // The second attempt of a running worker looks at the table again.
  const refused = act.reason && [await deliver(worker, second), await deliver(worker, second)];
  const reason = new RegExp(act.reason?.source.replaceAll('TABLE_', name) ?? '');
  const waits = { kind: 'retry', fault: 'destination', reason: expect.stringMatching(reason) };
  expect(refused?.[1]).toEqual(act.reason && waits);
  await runAll(act.undone?.[engineName]);
  await deliverSoon(worker, second);
  // It comes again, also to a worker that starts.
  const later = await open(engine, contracts);
  await deliverSoon(later, second);
  await deliverSoon(later, first);
  const ids = [first.eventId, second.eventId];
  const seen = await engine.rows(`SELECT event_id, n FROM ${name}_all`);
  expect(seen.map((row) => row['event_id']).toSorted()).toEqual(ids.toSorted());
  expect(seen.find((row) => row['event_id'] === ids[1])?.['n']).toBe('two');
  expect((await heldIds(later, name)).toSorted()).toEqual(ids.toSorted());
});

test.for(names)(
  '%s: a worker without the contract finds the table of an event whose note is lost',
  async (engineName, { skip }) => {
    const engine = await engineOf(engineName, skip);
    const name = newName();
    const [none, some]: EventContract[][] = [[], [contractOf(name)]];
    const old = await open(engine, () => none!);
    await deliverSoon(old, storedEvent({ eventName: name, schemaVersion: 0 }));
    const newer = await open(engine, () => some!);
    const event = storedEvent({ eventName: name, schemaVersion: 1, properties: { n: 1 } });
    await deliverSoon(newer, event);
    await engine.run(
      engineName === 'ClickHouse'
        ? `ALTER TABLE ${name} MODIFY COMMENT ''`
        : `DELETE FROM headgate_tables WHERE table_name = '${name}'`,
    );
    await deliverSoon(old, event);
    for (const [table, count] of [
      [name, '1'],
      ['unplanned_events', '0'],
    ]) {
      const [row] = await engine.rows(
        `SELECT count(DISTINCT event_id) AS n FROM ${table} WHERE event_id = '${event.eventId}'`,
      );
      expect([table, row!['n']]).toEqual([table, count]);
    }
  },
);

test('PostgreSQL: an event waits that a column takes no longer, since somebody made it narrower', async ({
  skip,
}) => {
  const engine = await engineOf('PostgreSQL', skip);
  const name = newName();
  const properties = { s: { type: 'string' }, n: { type: 'integer' } };
  const contracts: EventContract[] = [{ name, schemas: [{ type: 'object', properties }] }];
  const running = await open(engine, () => contracts);
  await deliverSoon(running, { eventName: name, schemaVersion: 1, properties: { s: 'a', n: 1 } });
  for (const [column, narrow, wide, value] of [
    ['s', 'varchar(5)', 'text', { s: 'longer' }],
    ['n', 'integer', 'bigint', { n: 2 ** 40 }],
  ] as const) {
    const long = { eventName: name, schemaVersion: 1, properties: value };
    await engine.run(`ALTER TABLE ${name} ALTER COLUMN ${column} TYPE ${narrow}`);
    const reason = expect.stringMatching(new RegExp(`its column ${column} is .*Rename the column`));
    expect(await deliver(running, long)).toEqual({ kind: 'retry', fault: 'destination', reason });
    await engine.run(`ALTER TABLE ${name} ALTER COLUMN ${column} TYPE ${wide}`);
    await deliverSoon(running, long);
  }
});

/** The statement that makes a table with the same columns, without keys. */
async function keylessCopy(engine: Engine, from: string, to: string): Promise<string> {
  const [row] = await engine.rows(`SELECT sql FROM sqlite_schema WHERE name = '${from}'`);
  return String(row!['sql']).replace(`"${from}"`, `"${to}"`).replace(' PRIMARY KEY', '');
}

test.for(names)(
  '%s: the table of another event is not taken for its own',
  async (engineName, { skip }) => {
    const engine = await engineOf(engineName, skip);
    const [name, other] = [newName(), newName()];
    const destination = await open(engine, () => [contractOf(name)]);
    const event = { eventName: name, schemaVersion: 1, properties: { n: 1 } };
    await deliverSoon(destination, event);
    await engine.run(
      engineName === 'ClickHouse'
        ? `RENAME TABLE ${name} TO ${other}`
        : `ALTER TABLE ${name} RENAME TO ${other}`,
    );
    const worker = await open(engine, () => [contractOf(other)]);
    expect(await deliver(worker, { ...event, eventName: other })).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('belongs to another program'),
    });
    await expect(heldIds(worker, name)).resolves.toEqual([]);
  },
);

test.for(names)(
  '%s: destinations with different prefixes share a database',
  async (engineName, { skip }) => {
    const engine = await engineOf(engineName, skip);
    const name = newName();
    const event = storedEvent({ eventName: name, schemaVersion: 1, properties: { n: 1 } });
    const unplanned = storedEvent({ eventName: `${name}_unplanned` });
    for (const prefix of ['', 'one_', 'two_']) {
      const destination = await open(engine, () => [contractOf(name)], { table_prefix: prefix });
      for (const each of [event, unplanned]) await deliverSoon(destination, each);
      for (const each of [event, unplanned]) {
        expect(await heldIds(destination, each.eventName)).toEqual([each.eventId]);
      }
    }
  },
);

test.for(names)(
  '%s: an event that got a contract is in one table',
  async (engineName, { skip }) => {
    const engine = await engineOf(engineName, skip);
    const name = newName();
    // One worker has the new contracts, the other does not have them for a while.
    let contracts: readonly EventContract[] = [];
    const ahead = await open(engine, () => contracts);
    const behind = await open(engine, () => []);
    const events = [1, 2, 3].map((n) =>
      storedEvent({ eventName: name, schemaVersion: 0, properties: { n } }),
    );
    for (const event of events) await deliverSoon(behind, event);
    contracts = [contractOf(name)];
    // Redelivered: all but the last.
    for (const event of events.slice(0, 2)) await deliverSoon(ahead, event);
    const [fourth] = [storedEvent({ eventName: name, schemaVersion: 0, properties: { n: 4 } })];
    await deliverSoon(ahead, fourth!);
    for (const event of [...events.slice(0, 2), fourth!]) await deliverSoon(behind, event);
    const final = engineName === 'ClickHouse' ? ' FINAL' : '';
    const idsIn = async (table: string): Promise<unknown[]> => {
      const where = `event_name = '${name}'`;
      const rows = await engine.rows(`SELECT event_id FROM ${table}${final} WHERE ${where}`);
      return rows.map((row) => row['event_id']).toSorted();
    };
    const inOwn = [events[0]!, events[1]!, fourth!].map(({ eventId }) => eventId);
    expect(await idsIn(name)).toEqual(inOwn.toSorted());
    expect(await idsIn('unplanned_events')).toEqual([events[2]!.eventId]);
    expect(await heldIds(ahead, name)).toHaveLength(4);
  },
);

test.for(names)(
  '%s: a worker with older contracts leaves a newer view as it is',
  async (engineName, { skip }) => {
    const engine = await engineOf(engineName, skip);
    const name = newName();
    const types = ['integer', 'string', 'boolean'];
    const schemas = types.map((type) => ({ type: 'object', properties: { n: { type } } }));
    for (const [known, n] of [
      [3, true],
      [2, 'two'],
      [1, 1],
    ] as const) {
      const destination = await open(engine, () => [{ name, schemas: schemas.slice(0, known) }]);
      await deliverSoon(destination, { eventName: name, schemaVersion: known, properties: { n } });
    }
    const seen = await engine.rows(`SELECT n FROM ${name}_all`);
    expect(seen.map(({ n }) => n).toSorted()).toEqual(['1', 'true', 'two']);
  },
);

describe('PostgreSQL', () => {
  test('a schema that is missing is named, and nothing is lost', async ({ skip }) => {
    const engine = await engineOf('PostgreSQL', skip);
    const name = newName();
    const destination = await open(engine, () => [contractOf(name)], { table: 'later.events' });
    const event = storedEvent({ eventName: name, schemaVersion: 1, properties: { n: 1 } });
    expect(await deliver(destination, event)).toMatchObject({
      kind: 'retry',
      fault: 'destination',
      reason: 'PostgreSQL 3F000: schema "later" does not exist',
    });
    await engine.run('CREATE SCHEMA later');
    await deliverSoon(destination, event);
    expect(await engine.rows(`SELECT event_id FROM later.${name}`)).toHaveLength(1);
  });

  test('missing rights are named, and nothing is lost', async ({ skip }) => {
    const engine = await engineOf('PostgreSQL', skip);
    const name = newName();
    const schema = `of_${name}`;
    let contracts: EventContract[] = [{ name, schemas: contractOf(name).schemas.slice(0, 1) }];
    await engine.run(`CREATE SCHEMA ${schema}`);
    await engine.run("CREATE ROLE hands LOGIN PASSWORD 'of-hands'");
    const destination = await open(engine, () => contracts, {
      url: engine.url!.replace('headgate@', 'hands@'),
      password: 'of-hands',
      table: `${schema}.events`,
    });
    const event = storedEvent({ eventName: name, schemaVersion: 1, properties: { n: 1 } });
    const refused = async (reason: string): Promise<void> =>
      expect(await deliver(destination, event)).toMatchObject({
        kind: 'retry',
        fault: 'destination',
        reason: `PostgreSQL 42501: ${reason}`,
      });
    await refused(`permission denied for schema ${schema}`);
    await engine.run(`GRANT USAGE, CREATE ON SCHEMA ${schema} TO hands`);
    await deliverSoon(destination, event);
    // Another owner: rows still go in, but a new column cannot.
    await engine.run(`ALTER TABLE ${schema}.${name} OWNER TO headgate`);
    await refused(`permission denied for table ${name}`);
    await engine.run(`GRANT SELECT, INSERT, DELETE ON ${schema}.${name} TO hands`);
    await deliverSoon(destination, event);
    contracts = [contractOf(name)];
    await refused(`must be owner of table ${name}`);
    await engine.run(`ALTER TABLE ${schema}.${name} OWNER TO hands`);
    await deliverSoon(destination, event);
    await engine.run(`ALTER VIEW ${schema}.${name}_all OWNER TO headgate`);
    await deliverSoon(destination, event);
    expect(await engine.rows(`SELECT event_id FROM ${schema}.${name}_all`)).toHaveLength(1);
  });
});
