import { parentPort } from 'node:worker_threads';
import { isBusy, StartError } from '../../errors.ts';
import type { PackedBatch } from './packed-batch.ts';

/** The messages to a thread that writes batches. */
export type ThreadRequest<Told> =
  | ({ readonly kind: 'write' } & PackedBatch)
  | { readonly kind: 'told'; readonly told: Told }
  | { readonly kind: 'close' };

/** Its first answer: whether it could open what it writes. */
export type OpeningReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'not_opened'; readonly reason: string };

/** Nothing of the batch was written. */
export interface FailedReply {
  readonly kind: 'failed';
  readonly reason: string;
}

/** What the thread writes to. */
export interface BatchWriter<Batch, Reply> {
  /** One transaction: if it throws, nothing of the batch is written. */
  write(batch: Batch): Reply;
  close(): void;
}

/**
 * The thread's side: node:sqlite is synchronous, and the gate's event loop must not wait for a disk. It works
 * through its messages in order, and answers each batch.
 *
 * @param open is called again after a fault.
 * @param isPassing whether the writer can be used after this error.
 */
export function serveBatches<Told, Batch extends PackedBatch, Reply>(
  open: () => BatchWriter<Batch, Reply>,
  tell: (told: Told, writer: BatchWriter<Batch, Reply> | undefined) => void,
  isPassing: (error: unknown) => boolean = isBusy,
): void {
  const port = parentPort;
  // Imported, and not run: there is no other side.
  if (port === null) return;
  let writer: BatchWriter<Batch, Reply> | undefined;
  try {
    writer = open();
  } catch (error) {
    port.postMessage({ kind: 'not_opened', reason: describe(error) } satisfies OpeningReply);
    port.close();
    return;
  }
  port.postMessage({ kind: 'opened' } satisfies OpeningReply);
  port.on('message', (request: ThreadRequest<Told>) => {
    if (request.kind === 'close') {
      writer?.close();
      // Without its port nothing holds the thread, and it ends.
      port.close();
      return;
    }
    if (request.kind === 'told') {
      tell(request.told, writer);
      return;
    }
    try {
      writer ??= open();
      port.postMessage(writer.write(request as ThreadRequest<Told> & Batch));
    } catch (error) {
      // After anything that does not pass (a full disk, a file that is gone) the state of the connection is
      // not known: the next batch opens another.
      if (!isPassing(error)) {
        writer?.close();
        writer = undefined;
      }
      port.postMessage({ kind: 'failed', reason: describe(error) } satisfies FailedReply);
    }
  });
}

function describe(error: unknown): string {
  if (error instanceof StartError) return error.message;
  const code = error instanceof Error && 'errcode' in error ? ` (SQLite ${error.errcode})` : '';
  return `${error instanceof Error ? error.message : String(error)}${code}`;
}
