import { Worker } from 'node:worker_threads';
import type { PackedBatch } from './warehouse.ts';
import type { WriterData, WriterReply, WriterRequest } from './writer.ts';

/** What became of one batch. */
export type WriteReply = Extract<WriterReply, { kind: 'written' | 'failed' }>;

/** The event loop's end of a running writer thread. */
export interface WriterThread {
  /** Hands the batch over, memory and all. Never rejects: a thread that dies has failed. */
  write(batch: PackedBatch): Promise<WriteReply>;
  /** After what was handed over before. */
  close(): Promise<void>;
}

const ended: WriteReply = { kind: 'failed', reason: 'the writer thread ended before it answered' };

/**
 * Starts a writer thread. Rejects with the reason where it cannot open the database. `onEnd` is
 * called once, when the thread has ended, whether it was asked to or not.
 */
export async function startWriterThread(
  data: WriterData,
  onEnd: () => void,
): Promise<WriterThread> {
  const worker = new Worker(new URL('./writer.ts', import.meta.url), {
    workerData: data,
    name: 'headgate-sqlite',
    // Flags of the gate's own process (an inspector, a preload) are not meant for this thread.
    execArgv: [],
  });
  // Answers come in the order of the batches.
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
