import { StartError } from '../../errors.ts';
import {
  delivered,
  stoppedText,
  type Delivery,
  type Destination,
  type Outcome,
} from '../destination.ts';
import type { RefusedEvent } from './packed-batch.ts';
import type { FailedReply } from './serve-batches.ts';

/** The batch is written, but for these. */
export interface WrittenReply {
  readonly kind: 'written';
  readonly refused: readonly RefusedEvent[];
}

/** What became of a batch. */
export type BatchReply = WrittenReply | FailedReply;

export interface ThreadDestinationOptions<Thread> {
  /** Of the destination. */
  readonly name: string;
  /** The database file, for the error of a start. */
  readonly file: string;
  /** Starts a thread. `onEnd` is called once, when it has ended. */
  start(onEnd: () => void): Promise<Thread>;
  write(thread: Thread, batch: readonly Delivery[]): Promise<BatchReply>;
}

/**
 * Delivers by a thread that writes a file. If the thread ends unexpectedly, the batch in progress fails, and
 * the next batch starts another thread. Throws a StartError if the file cannot be opened.
 */
export async function createThreadDestination<Thread extends { close(): Promise<void> }>({
  name,
  file,
  start,
  write,
}: ThreadDestinationOptions<Thread>): Promise<Pick<Destination, 'deliver' | 'close'>> {
  let thread: Promise<Thread> | undefined;
  let closing: Promise<void> | undefined;

  const open = (): Promise<Thread> => {
    if (thread !== undefined) return thread;
    const opened = start(() => {
      if (thread === opened) thread = undefined;
    });
    thread = opened;
    // One that did not start may have no end either: the system had no room for another thread.
    opened.catch(() => {
      if (thread === opened) thread = undefined;
    });
    return opened;
  };
  const writeBatch = async (batch: readonly Delivery[]): Promise<BatchReply> => {
    try {
      return await write(await open(), batch);
    } catch (error) {
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  };
  const close = async (): Promise<void> => {
    const opened = await thread?.catch(() => undefined);
    await opened?.close();
  };

  try {
    await open();
  } catch (error) {
    throw new StartError(
      `destinations.${name}.path: cannot use ${file} as the database: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return {
    async deliver(batch, signal) {
      if (batch.length === 0) return [];
      if (closing !== undefined) return failAll(batch, 'the destination is closed');
      if (signal.aborted) return failAll(batch, stoppedText);
      const reply = await orAborted(writeBatch(batch), signal);
      if (reply.kind === 'failed') return failAll(batch, reply.reason);
      const outcomes = Array.from<Outcome>({ length: batch.length }).fill(delivered);
      for (const { index, reason } of reply.refused) outcomes[index] = { kind: 'dead', reason };
      return outcomes;
    },
    close: () => (closing ??= close()),
  };
}

function failAll(batch: readonly Delivery[], reason: string): Outcome[] {
  return batch.map(() => ({ kind: 'retry', fault: 'destination', reason }));
}

/** The batch may still be written after an abort; when it comes again, its ids are known. */
function orAborted(written: Promise<BatchReply>, signal: AbortSignal): Promise<BatchReply> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve({ kind: 'failed', reason: stoppedText });
    signal.addEventListener('abort', onAbort, { once: true });
    written.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
