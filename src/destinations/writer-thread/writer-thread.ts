import { Worker } from 'node:worker_threads';
import { memoryOf, type PackedBatch } from './packed-batch.ts';
import { onReply } from './replies.ts';
import type { FailedReply, OpeningReply, ThreadRequest } from './serve-batches.ts';

/** The event loop's side of a running thread that writes batches. */
export interface WriterThread<Request, Reply> {
  /** What the thread is to know for the batches from now on. */
  tell(request: Request): void;
  /**
   * Transfers the batch with its memory. Never rejects: if the thread ends, the batch has failed.
   *
   * @param more what the thread gets with it.
   */
  write(batch: PackedBatch, more?: object): Promise<Reply | FailedReply>;
  /** Runs after every batch that was passed before. */
  close(): Promise<void>;
}

const ended: FailedReply = {
  kind: 'failed',
  reason: 'the writer thread ended before it answered',
};

/**
 * Starts a thread that runs `serveBatches`. Rejects with the reason if it cannot open what it writes.
 * `onEnd` is called once, when the thread has ended for any reason.
 */
export async function startWriterThread<Request, Reply extends { readonly kind: string }>(
  { program, name, data }: { readonly program: URL; readonly name: string; readonly data: object },
  onEnd: () => void,
): Promise<WriterThread<Request, Reply>> {
  const worker = new Worker(program, {
    workerData: data,
    name,
    // The flags of the gate's process (an inspector, a preload) must not apply to this thread.
    // Node 22 says that node:sqlite is experimental.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  // Answers arrive in the order of the batches.
  const waiting: ((reply: Reply | FailedReply) => void)[] = [];
  const opening = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let alive = true;
  let end = ended;
  const offOpening = onReply(worker, (first: OpeningReply) => {
    offOpening();
    if (first.kind === 'opened') opening.resolve();
    else opening.reject(new Error(first.reason));
    onReply(worker, (reply: Reply | FailedReply) => waiting.shift()?.(reply));
  });
  worker.on('error', (error: Error) => {
    end = { kind: 'failed', reason: `the writer thread ended: ${error.message}` };
    opening.reject(error);
  });
  worker.on('exit', () => {
    alive = false;
    opening.reject(new Error(end.reason));
    for (const settle of waiting.splice(0)) settle(end);
    onEnd();
    exited.resolve();
  });
  await opening.promise;
  const send = (request: ThreadRequest<Request>, transfer: readonly ArrayBuffer[]): void =>
    worker.postMessage(request, transfer);
  return {
    tell: (told) => send({ kind: 'told', told }, []),
    write(batch, more = {}) {
      if (!alive) return Promise.resolve(end);
      return new Promise((resolve) => {
        waiting.push(resolve);
        send({ kind: 'write', ...more, ...batch }, memoryOf(batch));
      });
    },
    close() {
      if (alive) send({ kind: 'close' }, []);
      return exited.promise;
    },
  };
}
