import { Worker } from 'node:worker_threads';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { PackedBatch } from './warehouse.ts';
import type { WriterData, WriterReply, WriterRequest } from './writer.ts';

/** The result of one batch. */
export type WriteReply = Extract<WriterReply, { kind: 'written' | 'failed' }>;

/** The event loop's side of a running writer thread. */
export interface WriterThread {
  /** The contracts for the batches from now on; only what is new since `sent` is copied. */
  use(contracts: readonly EventContract[], sent: readonly EventContract[] | undefined): void;
  /**
   * Transfers the batch with its memory. Never rejects: if the thread ends, the batch has failed.
   */
  write(batch: PackedBatch): Promise<WriteReply>;
  /** Runs after every batch that was passed before. */
  close(): Promise<void>;
}

const ended: WriteReply = { kind: 'failed', reason: 'the writer thread ended before it answered' };

/**
 * Starts a writer thread. Rejects with the reason if it cannot open the database. `onEnd` is called
 * once, when the thread has ended for any reason.
 */
export async function startWriterThread(
  data: WriterData,
  onEnd: () => void,
): Promise<WriterThread> {
  const worker = new Worker(new URL('./writer.ts', import.meta.url), {
    workerData: data,
    name: 'headgate-sqlite',
    // The flags of the gate's process (an inspector, a preload) must not apply to this thread.
    // Node 22 says that node:sqlite is experimental.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  // Answers arrive in the order of the batches.
  const waiting: ((reply: WriteReply) => void)[] = [];
  const opening = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let alive = true;
  worker.on('message', (reply: WriterReply) => {
    if (reply.kind === 'opened') opening.resolve();
    else if (reply.kind === 'not_opened') opening.reject(new Error(reply.reason));
    else waiting.shift()?.(reply);
  });
  worker.on('error', (error) => opening.reject(error));
  worker.on('exit', () => {
    alive = false;
    opening.reject(new Error(ended.kind === 'failed' ? ended.reason : ''));
    for (const settle of waiting.splice(0)) settle(ended);
    onEnd();
    exited.resolve();
  });
  await opening.promise;
  const send = (request: WriterRequest, transfer: readonly ArrayBuffer[]): void =>
    worker.postMessage(request, transfer);
  return {
    use(contracts, sent) {
      const known = new Set(sent);
      const changed = contracts.filter((contract) => !known.has(contract));
      send({ kind: 'contracts', changed, names: contracts.map(({ name }) => name) }, []);
    },
    write(batch) {
      if (!alive) return Promise.resolve(ended);
      return new Promise((resolve) => {
        waiting.push(resolve);
        const buffers = [batch.bytes.buffer, batch.ends.buffer, batch.sequences.buffer];
        send({ kind: 'write', ...batch }, buffers as ArrayBuffer[]);
      });
    },
    close() {
      if (alive) send({ kind: 'close' }, []);
      return exited.promise;
    },
  };
}
