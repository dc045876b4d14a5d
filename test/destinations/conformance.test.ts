import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { startClickhouseFarSide } from './clickhouse-far-side.ts';
import { describeDestination, type Ability, type FarSide } from './conformance.ts';
import { startFarGate, startHeadgateFarSide, type FarGate } from './headgate-far-side.ts';
import { startHttpApiFarSide } from './http-api-far-side.ts';
import { startMixpanelFarSide } from './mixpanel-far-side.ts';
import { startNatsFarSide } from './nats-far-side.ts';
import { startOperatorsNats, type OperatorsNats } from './nats-server.ts';
import { startParquetFarSide } from './parquet-far-side.ts';
import { startPostgresFarSide } from './postgres-far-side.ts';
import { startPostgres, whyNoPostgres, type PostgresServer } from './postgres-server.ts';
import { startPosthogFarSide } from './posthog-far-side.ts';
import { startSegmentFarSide } from './segment-far-side.ts';
import { startSqliteFarSide } from './sqlite-far-side.ts';
import { startWebhookBatchFarSide, startWebhookFarSide } from './webhook-far-side.ts';

let postgres: PostgresServer;
let nats: OperatorsNats;
let farGate: FarGate;
const postgresMissing = whyNoPostgres();
beforeAll(async () => {
  if (postgresMissing === undefined) postgres = await startPostgres();
  nats = await startOperatorsNats();
  farGate = await startFarGate();
});
afterAll(async () => {
  await farGate?.gate[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await postgres?.close();
});

/** One entry for each entry of the registry. */
const farSides: Readonly<Record<string, () => Promise<FarSide>>> = {
  clickhouse: startClickhouseFarSide,
  parquet: startParquetFarSide,
  postgres: () => startPostgresFarSide(postgres),
  sqlite: startSqliteFarSide,
  webhook: startWebhookFarSide,
  http: startHttpApiFarSide,
  segment: startSegmentFarSide,
  // It speaks the same protocol.
  rudderstack: startSegmentFarSide,
  posthog: startPosthogFarSide,
  mixpanel: startMixpanelFarSide,
  nats: () => startNatsFarSide(nats),
  headgate: () => startHeadgateFarSide(farGate),
};

/**
 * Types with a run elsewhere: test/kafka and test/clouds need more than npm, and examples/destination is
 * a module.
 */
const elsewhere = ['kafka', 'module', 'sqs', 'pubsub', 'bigquery', 'snowflake', 's3', 'gcs'];

/** What the far side of a type can do beyond what every one can. */
const abilities: Readonly<Record<string, readonly Ability[]>> = {
  clickhouse: ['partial_failure', 'lost_answer', 'retry_after'],
  postgres: ['partial_failure'],
  webhook: ['partial_failure', 'lost_answer', 'retry_after'],
  http: ['partial_failure', 'lost_answer', 'retry_after'],
  // Segment says of no event that it refuses it.
  segment: ['lost_answer', 'retry_after'],
  rudderstack: ['lost_answer', 'retry_after'],
  posthog: ['partial_failure', 'lost_answer', 'retry_after', 'counts_by_time'],
  mixpanel: ['partial_failure', 'lost_answer', 'retry_after', 'counts_by_time'],
  nats: ['partial_failure', 'lost_answer'],
  headgate: ['partial_failure', 'lost_answer'],
};

test('every registered type runs the suite under its own name', () => {
  const registered = destinationTypes.map(({ type }) => type);
  expect([...Object.keys(farSides), ...elsewhere].sort()).toEqual([...registered].sort());
});

test('every setting has a text, and a name in lower snake case', () => {
  for (const { settings } of destinationTypes) {
    for (const [name, { text }] of Object.entries(settings)) {
      expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(text).toMatch(/\.$/);
    }
  }
});

test('the registry alone loads neither SQLite nor the client of any server', () => {
  const registry = new URL('../../src/destinations/registry.ts', import.meta.url).href;
  const script = `
    import { createRequire } from 'node:module';
    const { destinationTypes } = await import(${JSON.stringify(registry)});
    const loaded = () => [
      ...process.moduleLoadList.filter((name) => name === 'NativeModule sqlite'),
      ...Object.keys(createRequire(${JSON.stringify(registry)}).cache).filter((path) => /node_modules.(undici|pg|@clickhouse)./.test(path)),
    ].length > 0;
    const before = loaded();
    await destinationTypes.find(({ type }) => type === 'webhook').create('x', {}).catch(() => {});
    await import('node:sqlite');
    console.log(JSON.stringify({ before, after: loaded() }));
  `;
  const args = ['--input-type=module', '--eval', script];
  expect(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))).toEqual({
    before: false,
    after: true,
  });
});

/** Far sides that this machine cannot have, and why. */
const missing: Readonly<Record<string, string | undefined>> = { postgres: postgresMissing };

for (const type of destinationTypes) {
  const startFarSide = farSides[type.type];
  if (startFarSide === undefined) continue;
  const reason = missing[type.type];
  describe.skipIf(reason !== undefined)('the suite', () => {
    describeDestination(type, startFarSide, abilities[type.type]);
  });
}

const webhook = destinationTypes.find(({ type }) => type === 'webhook')!;
describeDestination(
  { ...webhook, type: 'webhook, several events a request' },
  startWebhookBatchFarSide,
  abilities['webhook'],
);
