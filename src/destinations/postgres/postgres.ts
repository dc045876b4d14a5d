import { closeWhenIdle } from '../close-when-idle.ts';
import {
  type Delivery,
  type Destination,
  type DestinationContext,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { createPostgresConnections } from './connections.ts';
import { createCopyPace } from './copy/copy-pace.ts';
import { NotEmptyError } from './copy/copy-tables.ts';
import { NoCopyError } from './copy/no-copy-error.ts';
import { createEventsTable } from './events-table.ts';
import { faultOf, isTableGone, isTableOther } from './fault.ts';
import { readDeliveries, type ReadDelivery } from './rows/read-delivery.ts';
import { readPostgresTables, readPostgresWindow } from './reader.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { readConnection, readTable } from './settings.ts';
import { createPostgresTables } from './typed-tables.ts';
import { writeRows } from './write-rows.ts';

/** Events per commit. While two such commits are under way, as many events wait for the next ones. */
const batchEventsMax = 1_000;
/** Each call is a commit, and a statement for each table. */
const fullCallWaitMs = 50;

/**
 * The limit of one statement. A larger batch is split into several; a single event may be larger.
 */
const statementBytesMax = 8 * 1024 * 1024;

/**
 * One row per event in a table of PostgreSQL, in the table of the event, or in both.
 *
 * A batch is one transaction, committed before it is reported delivered. Counted once: a second copy
 * of an event meets the primary key, `event_id`, and changes nothing. An event that PostgreSQL
 * refuses is found by halving its batch; the others arrive.
 *
 * Opening needs no server: one that is down when Headgate starts is an outage like any other.
 *
 * Rows of typed tables go by `COPY`, which takes less of both sides for any number of rows, but refuses a batch whole if one
 * of its events is there already. Such a batch goes by `INSERT`.
 *
 * @param mayCopy false for tests: all goes by `INSERT`.
 */
export function createPostgresDestination(
  name: string,
  settings: DestinationSettings,
  context?: DestinationContext,
  mayCopy = true,
): Destination {
  const { table, schema } = readTable(name, settings);
  const { mode, prefix } = tablesOf(name, settings);
  const typed = mode === 'events' ? undefined : createPostgresTables(schema, prefix);
  const connection = readConnection(name, settings);
  const connections = createPostgresConnections(connection);
  const all = createEventsTable(connections, table);
  const pace = createCopyPace();

  const write = async (
    batch: readonly ReadDelivery[],
    signal: AbortSignal,
    byCopy: boolean,
    isLookedAt = false,
  ): Promise<Outcome[]> => {
    try {
      const insert = mode === 'per_event' ? undefined : await all.prepare(signal);
      const writers = { insert, typed, byCopy };
      await connections.use(signal, (client) => writeRows(client, writers, batch));
      if (byCopy) pace.copied();
      return batch.map((one) => one.outcome());
    } catch (error) {
      if (error instanceof NotEmptyError) {
        typed?.expectUnplanned();
        return write(batch, signal, byCopy);
      }
      // Also where the connection broke: something between may not let COPY pass, and would break it each time.
      if (byCopy) pace.failed();
      if (error instanceof NoCopyError) return write(batch, signal, false);
      if (isTableGone(error)) all.forget();
      if (typed !== undefined && isTableOther(error)) typed.forget();
      const { ofEvent, outcome } = faultOf(error, typed !== undefined);
      if (typed !== undefined && outcome.kind === 'dead' && batch.length === 1 && !isLookedAt) {
        // A column that somebody has made narrower refuses what the contract takes. Then the event waits.
        typed.forgetTableOf(batch[0]!.named().eventName);
        return write(batch, signal, false, true);
      }
      if (!ofEvent || batch.length === 1) return batch.map(() => outcome);
    }
    const middle = batch.length >> 1;
    const first = await write(batch.slice(0, middle), signal, false);
    return [...first, ...(await write(batch.slice(middle), signal, false))];
  };

  const deliver = async (batch: readonly Delivery[], signal: AbortSignal): Promise<Outcome[]> => {
    if (typed !== undefined && context !== undefined) typed.use(context.contracts());
    const outcomes: Outcome[] = [];
    for (const part of partsOf(batch)) {
      const read = readDeliveries(part, typed !== undefined);
      const alive = read.filter((one) => !one.isDead());
      const written = await write(alive, signal, mayCopy && pace.mayCopy());
      outcomes.push(...inOrder(read, alive, written));
    }
    return outcomes;
  };

  return {
    batchEventsMax,
    fullCallWaitMs,
    concurrency: Number(settings['concurrency']),
    ...closeWhenIdle(deliver, connections.close),
    stored: (window) =>
      mode === 'per_event'
        ? readPostgresTables(connection, { schema, prefix }, window)
        : readPostgresWindow(connection, table, window),
  };
}

/** The outcomes of all, from those of the ones that were written. */
function inOrder(
  read: readonly ReadDelivery[],
  alive: readonly ReadDelivery[],
  written: readonly Outcome[],
): Outcome[] {
  let at = 0;
  return read.map((one) => {
    if (one !== alive[at]) return one.outcome();
    at += 1;
    return written[at - 1]!;
  });
}

function* partsOf(batch: readonly Delivery[]): Generator<readonly Delivery[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, { payload }] of batch.entries()) {
    if (index > start && bytes + payload.length > statementBytesMax) {
      yield batch.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += payload.length;
  }
  if (start < batch.length) yield batch.slice(start);
}
