import { generateKeyPairSync, verify } from 'node:crypto';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import type {
  Delivery,
  Destination,
  DestinationSettings,
  DestinationType,
} from '../../src/destinations/destination.ts';
import { lineBytesMax, lineOf } from '../../src/destinations/snowflake/lines.ts';
import { createSnowflakeDestination } from '../../src/destinations/snowflake/snowflake.ts';
import { snowflakeType } from '../../src/destinations/snowflake/type.ts';
import {
  createRowMaker,
  readPayload,
  type EventRow,
} from '../../src/destinations/tables/event-row.ts';
import { describeDestination } from '../destinations/conformance.ts';
import { deliveryOfEvent, never } from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { startRealService } from '../real-service.ts';
import { snowflakeProgram, whyNoFake } from './engine-folder.ts';
import { sendPageViewed } from './page-viewed.ts';
import {
  idOf,
  removeSpools,
  snowflakeSettings,
  startFakeSnowflake,
  startSnowflakeFarSide,
  type FakeSchema,
  type FakeSnowflake,
} from './snowflake-far-side.ts';

const isLong = process.env['CLOUDS'] === 'long';
/** The contract of the events of the suite. */
const contracts = [{ name: 'order_completed', schemas: [{}, {}] }];
const withContracts: DestinationType = {
  ...snowflakeType,
  create: (name, settings) => snowflakeType.create(name, settings, { contracts: () => contracts }),
};

const delivered = { kind: 'delivered' };

const eventsPlan = { event: undefined, table: 'events', versions: 0, columns: [], left: 0 };

function rowOf({ payload, sequence }: Delivery): EventRow {
  const event = readPayload(new TextDecoder().decode(payload));
  return createRowMaker(eventsPlan).rowOf(event, { sequence, deliveredAt: '' });
}

describe.skipIf(whyNoFake(snowflakeProgram) !== undefined)('with a fake of Snowflake', () => {
  let fake: FakeSnowflake;
  beforeAll(async () => {
    fake = await startFakeSnowflake();
  });
  afterAll(async () => {
    await fake?.stop();
    removeSpools();
  });

  test('an event of a real service is a row', async () => {
    const schema = fake.createSchema();
    const { account, user, password, warehouse, database, spool, endpoint } = snowflakeSettings(
      fake.port,
      schema.schema,
    );
    const far = { account, user, password, warehouse, database, spool, endpoint };
    await using gate = await startRealService({
      yaml: JSON.stringify({
        destinations: {
          lake: { type: 'snowflake', ...far, schema: schema.schema, tables: 'both' },
        },
      }),
    });
    const key = await sendPageViewed(gate.url);
    await expect.poll(() => schema.count('page_viewed'), { timeout: 20_000 }).toBe(1);
    expect(await schema.rows('page_viewed')).toMatchObject([{ IDEMPOTENCY_KEY: key, TITLE: 'A' }]);
    expect(await schema.rows('events')).toMatchObject([{ IDEMPOTENCY_KEY: key, USER_ID: 'u-1' }]);
  });

  const modes = isLong ? (['events', 'both', 'per_event'] as const) : (['both'] as const);
  describe.each(modes)('tables: %s', (tables) => {
    describeDestination(withContracts, () => startSnowflakeFarSide(fake, tables), ['lost_answer']);
  });

  const open = (settings: DestinationSettings): Destination => {
    const destination = createSnowflakeDestination('w', settings);
    onTestFinished(() => destination.close());
    return destination;
  };
  const idsIn = async (schema: FakeSchema): Promise<string[]> =>
    (await schema.rows('events')).map(idOf);

  test('rows that Snowflake refuses are found, and take no other down', async () => {
    const schema = fake.createSchema();
    const destination = open(snowflakeSettings(fake.port, schema.schema));
    const known = { anonymousId: 'a' };
    const first = deliveryOfEvent(known);
    expect(await destination.deliver([first], never)).toEqual([delivered]);
    await schema.sql('ALTER TABLE {schema}.EVENTS ALTER ANONYMOUS_ID SET NOT NULL');
    const good = Array.from({ length: 5 }, () => deliveryOfEvent(known));
    const batch = good.toSpliced(2, 0, deliveryOfEvent());
    const outcomes = await destination.deliver(batch, never);
    const refused = { kind: 'retry', fault: 'event', status: '100072' };
    expect(outcomes).toMatchObject(good.map(() => delivered).toSpliced(2, 0, refused as never));
    await schema.sql('ALTER TABLE {schema}.EVENTS ALTER USER_ID TYPE INTEGER USING 1');
    const [ours, other] = ['12', 'ann'].map((userId) => deliveryOfEvent({ ...known, userId }));
    expect(await destination.deliver([ours!, other!], never)).toMatchObject([
      delivered,
      { kind: 'dead', reason: expect.not.stringContaining('ann'), status: '100035' },
    ]);
    const ids = [first, ...good, ours!].map((one) => one.event().eventId);
    expect((await idsIn(schema)).sort()).toEqual(ids.sort());
  });

  test('three workers with the same events write each once', async () => {
    const schema = fake.createSchema();
    const settings = snowflakeSettings(fake.port, schema.schema, { timeout: 20_000 });
    const workers = Array.from({ length: 3 }, () => open(settings));
    const events = Array.from({ length: 40 }, () => deliveryOfEvent());
    for (let round = 0; round < 4; round += 1) {
      const batch = events.slice(0, 10 * (round + 1));
      const answers = await Promise.all(workers.map((worker) => worker.deliver(batch, never)));
      expect(answers.flat()).toEqual(workers.flatMap(() => batch.map(() => delivered)));
    }
    expect((await idsIn(schema)).sort()).toEqual(events.map((one) => one.event().eventId).sort());
  });

  test.each(['DELETE', 'PUT', 'COPY', 'BEGIN', 'UPDATE', 'MERGE', 'COMMIT'])(
    'an answer to %s that is lost makes another session write the events, once',
    async (beginning) => {
      const schema = fake.createSchema();
      const settings = snowflakeSettings(fake.port, schema.schema, { timeout: 1_000 });
      const destination = open(settings);
      await destination.deliver([deliveryOfEvent()], never);
      const batch = [deliveryOfEvent(), deliveryOfEvent()];
      await fake.loseAnswersTo(beginning);
      const lost = await destination.deliver(batch, never);
      await fake.loseAnswersTo('');
      const reason = 'Snowflake did not take it: no answer within 1000 ms';
      expect(lost).toEqual(batch.map(() => ({ kind: 'retry', fault: 'destination', reason })));
      const again = open({ ...settings, timeout: 10_000 });
      expect(await again.deliver(batch.toReversed(), never)).toEqual(batch.map(() => delivered));
      expect(new Set(await idsIn(schema)).size).toBe(3);
      expect(await schema.count('events')).toBe(3);
    },
  );

  test.each(['MERGE', 'COMMIT'])(
    'a transaction that Snowflake ends before %s delivers nothing, and says so',
    async (beginning) => {
      const schema = fake.createSchema();
      const destination = open(snowflakeSettings(fake.port, schema.schema));
      await destination.deliver([deliveryOfEvent()], never);
      const batch = [deliveryOfEvent(), deliveryOfEvent()];
      await fake.endTransactionsBefore(beginning);
      const ended = await destination.deliver(batch, never);
      await fake.endTransactionsBefore('');
      const reason = expect.stringContaining('the transaction was ended before its COMMIT');
      expect(ended).toEqual(batch.map(() => ({ kind: 'retry', fault: 'destination', reason })));
      expect(await schema.count('events')).toBe(1);
      expect(await destination.deliver(batch, never)).toEqual(batch.map(() => delivered));
      expect(await schema.count('events')).toBe(3);
    },
  );

  test('a copy is recognized for ids_kept, and another row after that', async () => {
    const schema = fake.createSchema();
    const destination = open(snowflakeSettings(fake.port, schema.schema, { ids_kept: 3_600_000 }));
    const event = deliveryOfEvent();
    const age = (minutes: number): Promise<unknown> =>
      schema.sql(
        `UPDATE {schema}.EVENTS SET DELIVERED_AT = DELIVERED_AT - INTERVAL ${minutes} MINUTE`,
      );
    await destination.deliver([event], never);
    await age(59);
    await destination.deliver([event], never);
    expect(await schema.count('events')).toBe(1);
    await age(2);
    await destination.deliver([event], never);
    expect(await schema.count('events')).toBe(2);
  });

  test('events up to the limit arrive, and a batch that is too large for a load is several', async () => {
    const schema = fake.createSchema();
    const destination = open(snowflakeSettings(fake.port, schema.schema, { timeout: 60_000 }));
    const eventOf = (size: number): Delivery => ({
      ...deliveryOfEvent({ properties: { text: 'x'.repeat(size) } }),
      // Each with as many digits.
      sequence: 1,
    });
    const lineBytes = Buffer.byteLength(lineOf(eventsPlan, rowOf(eventOf(0))));
    const atLimit = lineBytesMax - lineBytes;
    const batch = [atLimit, atLimit + 1, 15_000_000, 15_000_000, 15_000_000, 15_000_000].map(
      eventOf,
    );
    const outcomes = await destination.deliver(batch, never);
    const dead = { kind: 'dead', reason: expect.stringContaining('needs 16000001') };
    expect(outcomes).toMatchObject(batch.map(() => delivered).toSpliced(1, 1, dead as never));
    const ids = batch.toSpliced(1, 1).map((one) => one.event().eventId);
    expect((await schema.sql('SELECT EVENT_ID FROM {schema}.EVENTS')).map(idOf).sort()).toEqual(
      ids.sort(),
    );
  });

  test('batches begin load_interval apart, and one that waits can be stopped', async () => {
    const schema = fake.createSchema();
    const settings = snowflakeSettings(fake.port, schema.schema, { load_interval: 200_000 });
    const destination = open(settings);
    expect(await destination.deliver([deliveryOfEvent()], never)).toEqual([delivered]);
    const abort = new AbortController();
    const waiting = destination.deliver([deliveryOfEvent()], abort.signal);
    setTimeout(() => abort.abort(), 1_000);
    expect(await waiting).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
    expect(await schema.count('events')).toBe(1);
  });

  test('a table that was dropped is made again', async () => {
    const schema = fake.createSchema();
    const destination = open(snowflakeSettings(fake.port, schema.schema));
    await destination.deliver([deliveryOfEvent()], never);
    await schema.sql('DROP TABLE {schema}.EVENTS');
    const event = deliveryOfEvent();
    expect(await destination.deliver([event], never)).toMatchObject([
      { kind: 'retry', fault: 'destination', status: '002003' },
    ]);
    expect(await destination.deliver([event], never)).toEqual([delivered]);
    expect(await idsIn(schema)).toEqual([event.event().eventId]);
  });

  test('a lock table without its row is named, and gets one', async () => {
    const schema = fake.createSchema();
    const destination = open(snowflakeSettings(fake.port, schema.schema));
    await destination.deliver([deliveryOfEvent()], never);
    await schema.sql('DELETE FROM {schema}.HEADGATE_LOCK');
    expect(await destination.deliver([deliveryOfEvent()], never)).toMatchObject([
      { kind: 'retry', fault: 'destination', reason: expect.stringContaining('lost its row') },
    ]);
    expect(await schema.count('events')).toBe(1);
    expect(await destination.deliver([deliveryOfEvent()], never)).toEqual([delivered]);
  });

  test('nothing of a batch stays on disk or on the stage, and what is old in the spool is removed', async () => {
    const schema = fake.createSchema();
    const settings = snowflakeSettings(fake.port, schema.schema);
    const spool = String(settings['spool']);
    const [old, young] = ['old.json.gz', 'young.json.gz'].map((name) => path.join(spool, name));
    for (const file of [old!, young!]) writeFileSync(file, '');
    utimesSync(old!, 0, Date.now() / 1_000 - 3_700);
    expect(await open(settings).deliver([deliveryOfEvent()], never)).toEqual([delivered]);
    expect(readdirSync(spool)).toEqual(['young.json.gz']);
    expect(schema.staged()).toEqual([]);
    const made = path.join(spool, 'made');
    open({ ...settings, spool: made });
    expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  test('a key, and what the session works with, reach Snowflake', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const schema = fake.createSchema();
    const pem = { type: 'pkcs8', format: 'pem' } as const;
    const settings = snowflakeSettings(fake.port, schema.schema, {
      password: null,
      private_key: String(privateKey.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'pass' })),
      private_key_passphrase: 'pass',
      role: 'LOADER',
    });
    expect(await open(settings).deliver([deliveryOfEvent()], never)).toEqual([delivered]);
    const login = (await fake.logins()).at(-1)!;
    expect(login).toMatchObject({
      AUTHENTICATOR: 'SNOWFLAKE_JWT',
      query: { warehouse: 'LOAD', roleName: 'LOADER', schemaName: schema.schema },
    });
    const [head, body, signature] = String(login['TOKEN']).split('.') as [string, string, string];
    const isSigned = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      publicKey,
      Buffer.from(signature, 'base64url'),
    );
    expect(isSigned).toBe(true);
  });

  test('a token is sent as one', async () => {
    const schema = fake.createSchema();
    const settings = { password: null, token: 'pat-1' };
    await open(snowflakeSettings(fake.port, schema.schema, settings)).deliver(
      [deliveryOfEvent()],
      never,
    );
    const login = (await fake.logins()).at(-1);
    expect(login).toMatchObject({ AUTHENTICATOR: 'PROGRAMMATIC_ACCESS_TOKEN', TOKEN: 'pat-1' });
  });

  const [events, kills] = isLong ? [20_000, 10] : [400, 1];
  test(`${events} events, ${kills} kills of two workers: each is one row`, async () => {
    const schemas = [fake.createSchema(), fake.createSchema()];
    const destinations = schemas.map((schema, index) => {
      const { account, user, password, warehouse, database, spool, endpoint } = snowflakeSettings(
        fake.port,
        schema.schema,
      );
      const far = { account, user, password, warehouse, database, spool, endpoint };
      const table = index === 0 ? 'events' : 'order_completed';
      return {
        name: index === 0 ? 'all' : 'typed',
        settings: {
          type: 'snowflake',
          ...(far as Record<string, string>),
          schema: schema.schema,
          tables: index === 0 ? 'events' : 'both',
        },
        arrives: 'exactly once' as const,
        count: () => schema.count(table),
        ids: async () => (await schema.rows(table)).map(idOf),
      };
    });
    const run = await deliverWhileKilled(destinations, { events, kills, workers: 2 });
    expect(run.ids).toHaveLength(events);
    await expectAllArrived(run, destinations);
    expect((await idsIn(schemas[1]!)).sort()).toEqual(run.ids.toSorted());
  }, 600_000);
});
