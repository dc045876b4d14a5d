import { Worker } from 'node:worker_threads';
import type { PackedBatch } from '../../sqlite/warehouse.ts';
import type { SpoolData, SpoolReply, SpoolRequest } from './writer.ts';

/** The result of one batch. */
export type SpooledReply = Extract<SpoolReply, { kind: 'written' | 'newer' | 'failed' }>;

/** The event loop's side of a running writer thread. */
export interface SpoolThread {
  /** How many versions of each contract are known from now on. */
  use(known: ReadonlyMap<string, number>): void;
  /**
   * Transfers the batch with its memory. Never rejects: if the thread ends, the batch has failed.
   *
   * @param isAnyVersion whether events of versions that are not known are written, too.
   */
  write(batch: PackedBatch, isAnyVersion: boolean): Promise<SpooledReply>;
  /** Runs after every batch that was passed before. */
  close(): Promise<void>;
}

const endedText = 'the writer thread ended before it answered';

/**
 * Starts a writer thread. Rejects with the reason if it cannot open the spool. `onEnd` is called
 * once, when the thread has ended for any reason.
 */
export async function startSpoolThread(data: SpoolData, onEnd: () => void): Promise<SpoolThread> {
  const worker = new Worker(new URL('./writer.ts', import.meta.url), {
    workerData: data,
    name: 'headgate-spool',
    // The flags of the gate's process (an inspector, a preload) must not apply to this thread.
    // Node 22 says that node:sqlite is experimental.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  // Answers arrive in the order of the batches.
  const waiting: ((reply: SpooledReply) => void)[] = [];
  const opening = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let alive = true;
  worker.on('message', (reply: SpoolReply) => {
    if (reply.kind === 'opened') opening.resolve();
    else if (reply.kind === 'not_opened') opening.reject(new Error(reply.reason));
    else waiting.shift()?.(reply);
  });
  worker.on('error', (error) => opening.reject(error));
  worker.on('exit', () => {
    alive = false;
    opening.reject(new Error(endedText));
    for (const settle of waiting.splice(0)) settle({ kind: 'failed', reason: endedText });
    onEnd();
    exited.resolve();
  });
  await opening.promise;
  const send = (request: SpoolRequest, transfer: readonly ArrayBuffer[]): void =>
    worker.postMessage(request, transfer);
  return {
    use: (versions) => send({ kind: 'known', versions }, []),
    write(batch, isAnyVersion) {
      if (!alive) return Promise.resolve({ kind: 'failed', reason: endedText });
      return new Promise((resolve) => {
        waiting.push(resolve);
        const buffers = [batch.bytes.buffer, batch.ends.buffer, batch.sequences.buffer];
        send({ kind: 'write', isAnyVersion, ...batch }, buffers as ArrayBuffer[]);
      });
    },
    close() {
      if (alive) send({ kind: 'close' }, []);
      return exited.promise;
    },
  };
}
