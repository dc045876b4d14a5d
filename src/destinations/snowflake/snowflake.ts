import { setImmediate as nextTurn } from 'node:timers/promises';

import { closeWhenIdle } from '../close-when-idle.ts';
import { createDescribedTables, type DescribedTables } from '../described-tables.ts';
import {
  delivered,
  type Delivery,
  type Destination,
  type DestinationContext,
  type DestinationSettings,
  type Outcome,
  stopped,
} from '../destination.ts';
import { createPace } from '../http-client/pace.ts';
import { openOrRefuse } from '../local-files/open-or-refuse.ts';
import { readBatchEvents, type BatchEvent } from '../read-in-turns.ts';
import { createRowMaker, type RowMaker } from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { TableFault } from '../tables/table-fault.ts';
import {
  clearSpool,
  loadLines,
  makeLock,
  mergeLines,
  openSpool,
  temporaryObjects,
} from './batch.ts';
import { snowflakeDialect } from './columns.ts';
import { errorOf, faultOf, isGone, waitingOutcome } from './fault.ts';
import { lineBytesMax, lineOf, type LoadLine } from './lines.ts';
import { readStoredEvents } from './reader.ts';
import { createSessions, type SnowflakeSession, type SnowflakeSessions } from './session.ts';
import { readSnowflakeSettings, type SnowflakeSettings } from './settings.ts';
import { tableApi } from './table-api.ts';

/** A MERGE of few rows costs nearly as much as one of many. */
const batchEventsMax = 10_000;
/** Those of a batch, and of the next one. */
const heldEventsMax = 2 * batchEventsMax;

/** What is loaded at once, before it is compressed. A larger batch is loaded in parts. */
const loadBytesMax = 64 * 1024 * 1024;

/** So many lines take some milliseconds. Then the event loop takes the requests of others. */
const linesPerTurn = 500;

/** An event, and the lines that make its rows, one in each of its tables. */
interface LinedEvent {
  readonly index: number;
  readonly lines: readonly LoadLine[];
  readonly plans: readonly TablePlan[];
}

interface Parts {
  readonly settings: SnowflakeSettings;
  readonly sessions: SnowflakeSessions;
  readonly tables: DescribedTables<SnowflakeSession>;
}

/**
 * One row per event in a table of Snowflake, in the table of its own, or in both.
 *
 * A batch is a file, which is uploaded, copied into a temporary table, and merged on `event_id` into its tables
 * in one transaction, committed before it is reported delivered. Counted once: a second copy of an event
 * that was delivered within `ids_kept` changes nothing. One batch at a time: MERGEs wait for each other.
 */
export function createSnowflakeDestination(
  name: string,
  given: DestinationSettings,
  context?: DestinationContext,
): Destination {
  const settings = readSnowflakeSettings(name, given);
  const { spool } = settings;
  openOrRefuse(`destinations.${name}.spool`, spool, () => openSpool(spool));
  const { timeoutMs } = settings;
  const sessions = createSessions({
    ...settings,
    first: [sessionParameters(timeoutMs), ...temporaryObjects, ...makeLock],
  });
  const tables = createDescribedTables({ ...settings, dialect: snowflakeDialect }, tableApi);
  const parts = { settings, sessions, tables };
  const takeTurn = createPace(1_000 / settings.loadIntervalMs);
  return {
    batchEventsMax,
    heldEventsMax,
    concurrency: 1,
    ...closeWhenIdle(async (batch, signal) => {
      if (batch.length > 0 && !(await takeTurn(signal))) return batch.map(() => stopped);
      tables.use(context?.contracts() ?? []);
      return deliver(parts, batch, signal);
    }, sessions.close),
    stored: (window) => readStoredEvents(sessions, settings, window),
  };
}

/** An account may have other defaults. */
function sessionParameters(timeoutMs: number): string {
  const seconds = Math.ceil(timeoutMs / 1_000);
  return `ALTER SESSION SET AUTOCOMMIT = TRUE TIMEZONE = 'UTC' TIMESTAMP_INPUT_FORMAT = 'AUTO'
    DATE_INPUT_FORMAT = 'AUTO' ABORT_DETACHED_QUERY = TRUE
    STATEMENT_TIMEOUT_IN_SECONDS = ${seconds} LOCK_TIMEOUT = ${seconds}`;
}

async function deliver(
  parts: Parts,
  batch: readonly Delivery[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const { rows, outcomes } = await readBatchEvents(batch);
  if (rows.length === 0) return outcomes;
  try {
    await clearSpool(parts.settings.spool);
    const lined = await parts.sessions.use(signal, (session) =>
      planLines(parts, session, rows, outcomes),
    );
    for (const part of partsOf(lined)) await write(parts, part, outcomes, signal);
  } catch (error) {
    const outcome = signal.aborted ? stopped : waitingOutcome(error);
    for (const { index } of rows) outcomes[index] ??= outcome;
  }
  return outcomes;
}

/** Makes the tables of a batch, and the lines for them. Events that cannot have one get an outcome. */
async function planLines(
  { settings, tables }: Parts,
  session: SnowflakeSession,
  events: readonly BatchEvent[],
  outcomes: Outcome[],
): Promise<LinedEvent[]> {
  const prepared = new Map<TablePlan, Promise<RowMaker>>();
  const prepare = async (plan: TablePlan): Promise<RowMaker> => {
    await tables.prepare(plan, session);
    return createRowMaker(plan);
  };
  const makerOf = (plan: TablePlan): Promise<RowMaker> => {
    const known = prepared.get(plan) ?? prepare(plan);
    prepared.set(plan, known);
    return known;
  };
  const lined: LinedEvent[] = [];
  for (const [at, { index, event, sequence }] of events.entries()) {
    if (at % linesPerTurn === linesPerTurn - 1) await nextTurn();
    const { eventId } = event;
    try {
      const plans: TablePlan[] = [];
      if (settings.mode !== 'per_event') plans.push(tables.events);
      if (settings.mode !== 'events') {
        await makerOf(tables.unplanned);
        plans.push(await tables.planOf(event, session));
      }
      const lines: LoadLine[] = [];
      for (const plan of plans) {
        const row = (await makerOf(plan)).rowOf(event, { sequence, deliveredAt: '' });
        lines.push({ table: plan.table, eventId, text: lineOf(plan, row) });
      }
      const bytes = Math.max(...lines.map(({ text }) => Buffer.byteLength(text)));
      if (bytes > lineBytesMax) outcomes[index] = { kind: 'dead', reason: tooLarge(bytes) };
      else lined.push({ index, lines, plans });
    } catch (error) {
      if (!(error instanceof TableFault)) throw error;
      outcomes[index] = waitingOutcome(error);
    }
  }
  return lined;
}

function tooLarge(bytes: number): string {
  return (
    `Snowflake takes rows of at most ${lineBytesMax} bytes, and this event needs ${bytes}: ` +
    'leave out what need not leave with the setting fields'
  );
}

/** Writes events, and finds by halves which of them Snowflake refuses. */
async function write(
  parts: Parts,
  events: readonly LinedEvent[],
  outcomes: Outcome[],
  signal: AbortSignal,
): Promise<void> {
  const { settings, sessions, tables } = parts;
  const plans = [...new Set(events.flatMap((one) => one.plans))];
  // An event can be in a batch twice, and MERGE would insert both.
  const lines = new Map(
    events
      .flatMap((one) => one.lines)
      .map((line) => [`${line.table} ${line.eventId}`, line] as const),
  );
  const settle = (outcome: Outcome): void => {
    for (const { index } of events) outcomes[index] = outcome;
  };
  try {
    await sessions.use(signal, async (session) => {
      await loadLines(session, settings.spool, [...lines.values()]);
      await mergeLines(session, plans, {
        idsKeptMs: settings.idsKeptMs,
        unplanned: tables.unplanned.table,
      });
    });
    return settle(delivered);
  } catch (error) {
    if (signal.aborted) return settle(stopped);
    if (isGone(errorOf(error))) for (const { table } of plans) tables.forget(table);
    const { ofEvent, outcome } = faultOf(error);
    if (!ofEvent || events.length === 1) return settle(outcome);
  }
  const middle = events.length >> 1;
  await write(parts, events.slice(0, middle), outcomes, signal);
  await write(parts, events.slice(middle), outcomes, signal);
}

function* partsOf(events: readonly LinedEvent[]): Generator<LinedEvent[]> {
  let part: LinedEvent[] = [];
  let bytes = 0;
  for (const one of events) {
    const size = one.lines.reduce((sum, { text }) => sum + text.length, 0);
    if (part.length > 0 && bytes + size > loadBytesMax) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(one);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
