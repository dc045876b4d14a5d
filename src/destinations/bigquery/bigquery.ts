import { closeWhenIdle } from '../close-when-idle.ts';
import { createDescribedTables, type DescribedTables } from '../described-tables.ts';
import {
  delivered,
  type Delivery,
  type Destination,
  type DestinationContext,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { openOrRefuse } from '../local-files/open-or-refuse.ts';
import { readBatchEvents, type BatchEvent } from '../read-in-turns.ts';
import { createRowMaker } from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import { bigqueryDialect } from './columns.ts';
import { waitingOutcome } from './fault.ts';
import { openJournal, type Journal, type Row, type TableKind } from './journal.ts';
import { encodeRow } from './rows.ts';
import { readBigquerySettings, type BigquerySettings } from './settings.ts';
import { createStorage } from './storage.ts';
import { createTableApi } from './table-api.ts';
import { createWriter, rowBytesMax, type Writer } from './writer.ts';

const batchEventsMax = 2_000;

interface Parts {
  readonly settings: BigquerySettings;
  readonly journal: Journal;
  readonly tables: DescribedTables<AbortSignal>;
  readonly writer: Writer;
}

/**
 * One row per event in a table of BigQuery, in the table of its own, or in both, by the Storage Write API.
 *
 * Counted once: rows are written to streams at offsets, and a row is in the journal with its stream and
 * offset before it is sent. BigQuery refuses a second row at the same offset, so whatever was not
 * answered is sent again to the same place; and the journal knows the ids of what it has sent within
 * `ids_kept`. One batch at a time, because rows of a stream are written in their order.
 */
export function createBigqueryDestination(
  name: string,
  given: DestinationSettings,
  context?: DestinationContext,
): Destination {
  const settings = readBigquerySettings(name, given);
  const file = settings.journal;
  const journal = openOrRefuse(`destinations.${name}.journal`, file, () =>
    openJournal(file, settings.busyTimeoutMs, settings.idsKeptMs),
  );
  const storage = createStorage(settings);
  const tables = createDescribedTables(
    { ...settings, dialect: bigqueryDialect },
    createTableApi(settings, storage.headers),
  );
  const writer = createWriter({ storage, journal, missing: tables.forget });
  const parts = { settings, journal, tables, writer };
  return {
    batchEventsMax,
    concurrency: 1,
    ...closeWhenIdle(
      (batch, signal) => {
        tables.use(context?.contracts() ?? []);
        return deliver(parts, batch, signal);
      },
      async () => {
        await storage.close();
        journal.close();
      },
    ),
  };
}

async function deliver(
  parts: Parts,
  batch: readonly Delivery[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const { rows: events, outcomes } = await readBatchEvents(batch);
  const { mode } = parts.settings;
  const kinds: readonly TableKind[] = mode === 'both' ? ['events', 'per_event'] : [mode];
  for (const kind of kinds) {
    const left = events.filter(({ index }) => (outcomes[index] ?? delivered) === delivered);
    for (const [plan, group] of await groupsOf(parts, kind, left, outcomes, signal)) {
      await deliverGroup(parts, kind, { plan, group }, outcomes, signal);
    }
  }
  return outcomes;
}

/** Events by the table that takes them. None if that is not known for one of them: then all wait. */
async function groupsOf(
  { tables }: Parts,
  kind: TableKind,
  events: readonly BatchEvent[],
  outcomes: Outcome[],
  signal: AbortSignal,
): Promise<ReadonlyMap<TablePlan, BatchEvent[]>> {
  const groups = new Map<TablePlan, BatchEvent[]>();
  try {
    signal.throwIfAborted();
    for (const one of events) {
      const plan = kind === 'events' ? tables.events : await tables.planOf(one.event, signal);
      const group = groups.get(plan);
      if (group === undefined) groups.set(plan, [one]);
      else group.push(one);
    }
    return groups;
  } catch (error) {
    for (const { index } of events) outcomes[index] = waitingOutcome(error);
    return new Map();
  }
}

async function deliverGroup(
  { journal, tables, writer }: Parts,
  kind: TableKind,
  { plan, group }: { readonly plan: TablePlan; readonly group: readonly BatchEvent[] },
  outcomes: Outcome[],
  signal: AbortSignal,
): Promise<void> {
  const settle = (outcomeOf: (eventId: string) => Outcome): void => {
    for (const { index, event } of group) outcomes[index] = outcomeOf(event.eventId);
  };
  try {
    await tables.prepare(plan, signal);
    const known = journal.find(
      kind,
      group.map(({ event }) => event.eventId),
    );
    const dead = new Map<string, string>();
    const note = (refused: ReadonlyMap<string, string>): void => {
      for (const [eventId, reason] of refused)
        dead.set(eventId, `BigQuery refused the row: ${reason}`);
    };
    for (const appendId of new Set(known.values())) {
      if (appendId !== undefined) note(await writer.finish(appendId, signal));
    }
    const fresh = group.filter(({ event }) => !known.has(event.eventId));
    const rows = rowsOf(plan, fresh).filter(({ eventId, bytes }) => {
      if (bytes.length <= rowBytesMax) return true;
      dead.set(eventId, tooLarge(bytes.length));
      return false;
    });
    note(await writer.write(kind, plan, rows, signal));
    settle((eventId) => {
      const reason = dead.get(eventId);
      return reason === undefined ? delivered : { kind: 'dead', reason };
    });
  } catch (error) {
    settle(() => waitingOutcome(error));
  }
}

/** An event can be in a batch twice. */
function rowsOf(plan: TablePlan, events: readonly BatchEvent[]): Row[] {
  const maker = createRowMaker(plan);
  const deliveredAt = new Date().toISOString();
  const rows = new Map<string, Row>();
  for (const { event, sequence } of events) {
    const { eventId } = event;
    if (rows.has(eventId)) continue;
    const bytes = encodeRow(plan, maker.rowOf(event, { sequence, deliveredAt }));
    rows.set(eventId, { eventId, bytes });
  }
  return [...rows.values()];
}

function tooLarge(bytes: number): string {
  return (
    `BigQuery takes rows of at most ${rowBytesMax} bytes, and this event needs ${bytes}: ` +
    'leave out what need not leave with the setting fields'
  );
}
