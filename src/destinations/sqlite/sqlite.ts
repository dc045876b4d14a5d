import { resolve } from 'node:path';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { StartError } from '../../errors.ts';
import {
  delivered,
  stoppedText,
  type Delivery,
  type Destination,
  type DestinationContext,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { startWriterThread, type WriteReply, type WriterThread } from './thread.ts';
import type { PackedBatch } from './warehouse.ts';

/**
 * Events per commit. They share its sync, and the writes of the pages that they change in the indexes of people,
 * whose ids are random: with 8,000, tables of events take rows a third faster than with 2,000. Only a backlog fills it.
 */
const batchEventsMax = 8_000;
/** A spool has no such indexes, and its files share its event loop. Producers do, too. */
const smallEventsMax = 2_000;

/** While one batch is being written, the next one is packed and ready. */
const concurrency = 2;

export interface SqliteOptions {
  /** False: rows are not looked for by their time. */
  readonly isIndexed?: boolean;
  readonly context?: DestinationContext | undefined;
}

/**
 * One row per event in the table `events` of a SQLite file, in the table of its own, or in both.
 *
 * A batch is one transaction, synced to disk before it is reported delivered. Counted once: a
 * second copy of an event meets its primary key, `event_id`, and changes nothing.
 *
 * The database lives in a thread. If the thread ends unexpectedly, the batch in progress fails, and
 * the next batch starts another thread.
 */
export async function createSqliteDestination(
  name: string,
  settings: DestinationSettings,
  { isIndexed = true, context }: SqliteOptions = {},
): Promise<Destination> {
  // Resolved, so that a name that is special only to SQLite (:memory:) is a file like any other.
  const path = resolve(String(settings['path']));
  const tables = tablesOf(name, settings);
  const data = { path, busyTimeoutMs: Number(settings['busy_timeout']), isIndexed, tables };
  const isTyped = tables.mode !== 'events';
  /** The contracts that the thread has. */
  let sent: readonly EventContract[] | undefined;
  let thread: Promise<WriterThread> | undefined;
  let closing: Promise<void> | undefined;

  const open = (): Promise<WriterThread> => {
    if (thread !== undefined) return thread;
    const opened = startWriterThread(data, () => {
      if (thread !== opened) return;
      thread = undefined;
      sent = undefined;
    });
    thread = opened;
    return opened;
  };

  const write = async (batch: readonly Delivery[]): Promise<WriteReply> => {
    try {
      const writer = await open();
      const contracts = isTyped ? context?.contracts() : undefined;
      if (contracts !== undefined && contracts !== sent) {
        writer.use(contracts, sent);
        sent = contracts;
      }
      return await writer.write(pack(batch));
    } catch (error) {
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  };

  const close = async (): Promise<void> => {
    const writer = await thread?.catch(() => undefined);
    await writer?.close();
  };

  try {
    await open();
  } catch (error) {
    throw new StartError(
      `destinations.${name}.path: cannot use ${path} as the database: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return {
    ...callSizes(isIndexed),
    concurrency,
    async deliver(batch, signal) {
      if (batch.length === 0) return [];
      if (closing !== undefined) return failAll(batch, 'the destination is closed');
      if (signal.aborted) return failAll(batch, stoppedText);
      const reply = await orAborted(write(batch), signal);
      if (reply.kind === 'failed') return failAll(batch, reply.reason);
      const outcomes = Array.from<Outcome>({ length: batch.length }).fill(delivered);
      for (const { index, reason } of reply.refused) outcomes[index] = { kind: 'dead', reason };
      return outcomes;
    },
    async *stored(window) {
      const { readWarehouse } = await import('./reader.ts');
      const prefix = tables.mode === 'per_event' ? tables.prefix : undefined;
      yield* readWarehouse(path, data.busyTimeoutMs, window, prefix);
    },
    close: () => (closing ??= close()),
  };
}

function callSizes(isIndexed: boolean) {
  const eventsMax = isIndexed ? batchEventsMax : smallEventsMax;
  return {
    batchEventsMax: eventsMax,
    besideIntakeEventsMax: smallEventsMax,
    heldEventsMax: concurrency * eventsMax,
  };
}

function failAll(batch: readonly Delivery[], reason: string): Outcome[] {
  return batch.map(() => ({ kind: 'retry', fault: 'destination', reason }));
}

/** The batch may still be written after an abort; when it comes again, its ids are known. */
function orAborted(written: Promise<WriteReply>, signal: AbortSignal): Promise<WriteReply> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve({ kind: 'failed', reason: stoppedText });
    signal.addEventListener('abort', onAbort, { once: true });
    written.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}

/**
 * Copies the payloads into memory that can be transferred to the thread: one copy here instead of a
 * structured clone of every event. All of `deliver` costs the event loop about 0.6 us an event.
 */
function pack(batch: readonly Delivery[]): PackedBatch {
  let length = 0;
  for (const { payload } of batch) length += payload.length;
  // Neither pooled (a pool cannot be transferred) nor zeroed (every byte is written).
  const bytes = Buffer.allocUnsafeSlow(length);
  const ends = new Uint32Array(batch.length);
  const sequences = new Float64Array(batch.length);
  let end = 0;
  for (const [index, { payload, sequence }] of batch.entries()) {
    bytes.set(payload, end);
    end += payload.length;
    ends[index] = end;
    sequences[index] = sequence;
  }
  return { bytes, ends, sequences };
}
