import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';

import type { Destination } from '../../src/destinations/destination.ts';
import { generatedVersions } from '../../src/destinations/tables/generated-schemas.fixture.ts';
import { familyOf, type LogicalType } from '../../src/destinations/tables/logical-type.ts';
import { planTable, type PlannedColumn } from '../../src/destinations/tables/plan-table.ts';
import { canonicalNumber } from '../../src/event/canonical-number.ts';
import {
  canonicalJson,
  hasMembers,
  numberText,
  parseWithNumberTexts,
} from '../../src/event/changed-properties.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import type { JsonObject, JsonValue } from '../../src/event/json/json.ts';
import { readTime } from '../../src/event/time/time-text.ts';
import { deliveryOf, never, storedEvent } from '../destinations/deliveries.ts';
import { whyNoPostgres } from '../destinations/postgres-server.ts';
import '../property-seed.ts';
import { startPostgresEngine, startSqliteEngine, type Engine } from './engines.ts';
import { generatedValue } from './generated-properties.ts';

interface Sent {
  readonly id: string;
  readonly version: number;
  readonly text: string;
  readonly payload: string;
}

/** Versions of a contract, and for each of them events that keep it. */
const cases = generatedVersions.chain((schemas) =>
  fc
    .tuple(...schemas.map((schema) => fc.array(generatedValue(schema), { maxLength: 3 })))
    .map((texts) => ({ schemas, texts })),
);

function sentOf(eventName: string, version: number, text: string): Sent {
  const event = storedEvent({ eventName, schemaVersion: version, properties: 'HERE' as never });
  const payload = JSON.stringify(event).replace('"HERE"', () => text);
  return { id: event.eventId, version, text, payload };
}

/** One text for values that mean the same. */
function meaning(text: string | null, type: LogicalType): string | null {
  if (text === null) return null;
  switch (familyOf(type)) {
    case 'boolean':
      return text === '1' || text === 'true' || text === 't' ? 'true' : 'false';
    case 'double':
      return String(Number(text));
    case 'integer':
    case 'number':
      return canonicalNumber(text);
    case 'timestamp':
      return readTime(text.replace(' ', 'T').replace(/\+00$/, 'Z')) ?? 'no time';
    case 'time':
      return text.replace(/\+00$/, 'Z').replace(/\.?0*Z$/, 'Z');
    case 'json':
      return sorted(parseWithNumberTexts(text));
    default:
      return type.kind === 'uuid' ? text.toLowerCase() : text;
  }
}

/** PostgreSQL does not keep the order of names. */
function sorted(value: JsonValue): string {
  const inOrder = (inner: JsonValue): JsonValue => {
    if (Array.isArray(inner)) return inner.map(inOrder);
    if (!hasMembers(inner)) return inner;
    const names = Object.keys(inner).toSorted();
    return Object.fromEntries(names.map((name) => [name, inOrder(inner[name]!)]));
  };
  return canonicalJson(inOrder(value));
}

function expected(properties: JsonValue, column: PlannedColumn, version: number): string | null {
  if (!column.versions.includes(version)) return null;
  let value: JsonValue | undefined = properties;
  for (const name of column.path) {
    value = hasMembers(value ?? null) ? (value as JsonObject)[name] : undefined;
  }
  if (value === undefined || value === null) return null;
  const isText = typeof value === 'string' && familyOf(column.type) !== 'json';
  return meaning(isText ? String(value) : (numberText(value) ?? canonicalJson(value)), column.type);
}

/** A destination whose contracts change between batches. */
interface Opened {
  readonly engine: Engine;
  readonly destination: Destination;
  use(contract: EventContract): void;
}

async function open(start: () => Promise<Engine>): Promise<Opened> {
  const engine = await start();
  let contracts: readonly EventContract[] = [];
  const destination = await engine.open(() => contracts);
  return { engine, destination, use: (contract) => void (contracts = [contract]) };
}

async function checkCase(
  { engine, destination, use }: Opened,
  name: string,
  { schemas, texts }: { schemas: JsonObject[]; texts: string[][] },
): Promise<void> {
  const sent: Sent[] = [];
  for (const [at, ofVersion] of texts.entries()) {
    use({ name, schemas: schemas.slice(0, at + 1) });
    sent.push(...ofVersion.map((text) => sentOf(name, at + 1, text)));
    // Those of earlier versions again: each is one row.
    const outcomes = await destination.deliver(
      sent.map(({ payload }) => deliveryOf(payload)),
      never,
    );
    expect(outcomes.filter(({ kind }) => kind !== 'delivered')).toEqual([]);
  }
  if (sent.length === 0) return;
  const plan = planTable({ name, schemas }, { dialect: engine.dialect });
  const rows = await engine.rows(`SELECT * FROM ${plan.table}`);
  expect(rows).toHaveLength(sent.length);
  for (const { id, version, text } of sent) {
    const row = rows.find(({ event_id: eventId }) => eventId === id)!;
    const properties = parseWithNumberTexts(text);
    expect(sorted(parseWithNumberTexts(row['properties']!))).toBe(sorted(properties));
    expect([row['misfits'], text]).toEqual([null, text]);
    for (const column of plan.columns) {
      const found = meaning(row[column.name] ?? null, column.type);
      expect([column.name, found]).toEqual([column.name, expected(properties, column, version)]);
    }
  }
}

/** `FUZZ_SEED=random` looks for new cases. */
const longer = process.env['FUZZ_SEED'] === undefined ? 1 : 10;

const engines = [
  ['SQLite', startSqliteEngine, undefined, 20],
  ['PostgreSQL', startPostgresEngine, whyNoPostgres(), 8],
] as const;

describe.each(engines)('%s', (_name, start, missing, numRuns) => {
  let opened: Opened | undefined;
  afterAll(async () => {
    await opened?.destination.close();
    await opened?.engine.close();
  });
  let count = 0;

  test('what was sent reads back equal, in every version of a generated contract', async ({
    skip,
  }) => {
    if (missing !== undefined) skip(missing);
    const using = (opened = await open(start));
    await fc.assert(
      fc.asyncProperty(cases, async (generated) => {
        count += 1;
        await checkCase(using, `case_${count}_viewed`, generated);
      }),
      { numRuns: numRuns * longer, endOnFailure: longer === 1 },
    );
    expect(count).toBeGreaterThanOrEqual(numRuns);
  });
});
