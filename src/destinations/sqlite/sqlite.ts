import { resolve } from 'node:path';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { Destination, DestinationContext, DestinationSettings } from '../destination.ts';
import { tablesOf } from '../tables/table-mode.ts';
import { pack } from '../writer-thread/packed-batch.ts';
import { createThreadDestination, type WrittenReply } from '../writer-thread/thread-destination.ts';
import { startWriterThread, type WriterThread } from '../writer-thread/writer-thread.ts';
import type { ToldContracts, WriterData } from './writer.ts';

/**
 * Events per commit. They share its sync, and the writes of the pages that they change in the indexes of people,
 * whose ids are random: with 8,000, tables of events take rows a third faster than with 2,000. Only a backlog fills it.
 */
const batchEventsMax = 8_000;
/** The same beside producers, who share the event loop. */
const besideIntakeEventsMax = 2_000;

/** While one batch is being written, the next one is packed and ready. */
const concurrency = 2;

type Thread = WriterThread<ToldContracts, WrittenReply>;

/**
 * One row per event in the table `events` of a SQLite file, in the table of its own, or in both.
 *
 * A batch is one transaction, synced to disk before it is reported delivered. Counted once: a
 * second copy of an event meets its primary key, `event_id`, and changes nothing.
 *
 * The database lives in a thread.
 */
export async function createSqliteDestination(
  name: string,
  settings: DestinationSettings,
  context?: DestinationContext,
): Promise<Destination> {
  // Resolved, so that a name that is special only to SQLite (:memory:) is a file like any other.
  const path = resolve(String(settings['path']));
  const tables = tablesOf(name, settings);
  const data: WriterData = { path, busyTimeoutMs: Number(settings['busy_timeout']), tables };
  const isTyped = tables.mode !== 'events';
  /** The contracts that a thread has. */
  const sent = new WeakMap<Thread, readonly EventContract[]>();

  const tellContracts = (thread: Thread): void => {
    const contracts = isTyped ? context?.contracts() : undefined;
    if (contracts === undefined || contracts === sent.get(thread)) return;
    const known = new Set(sent.get(thread));
    // Only what is new is copied.
    const changed = contracts.filter((contract) => !known.has(contract));
    thread.tell({ changed, names: contracts.map((contract) => contract.name) });
    sent.set(thread, contracts);
  };
  return {
    batchEventsMax,
    besideIntakeEventsMax,
    heldEventsMax: concurrency * batchEventsMax,
    concurrency,
    ...(await createThreadDestination<Thread>({
      name,
      file: path,
      start: (onEnd) => {
        const program = new URL('./writer.ts', import.meta.url);
        return startWriterThread({ program, name: 'headgate-sqlite', data }, onEnd);
      },
      write: (thread, batch) => {
        tellContracts(thread);
        return thread.write(pack(batch));
      },
    })),
    async *stored(window) {
      const { readWarehouse } = await import('./reader.ts');
      const prefix = tables.mode === 'per_event' ? tables.prefix : undefined;
      yield* readWarehouse(path, data.busyTimeoutMs, window, prefix);
    },
  };
}
