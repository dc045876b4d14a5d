import { Worker } from 'node:worker_threads';
import { whenAborted } from '../when-aborted.ts';
import type { ExportData, ExportReply } from './exporter.ts';

/** Runs the exporter's thread, one at a time: now and then, and whenever it is asked. */
export interface ParquetExport {
  /** So many events have come into the spool. */
  added(events: number): void;
  /**
   * Resolves when the spool takes more: at once, unless files cannot be written, or not as fast as
   * events arrive. To the reason if it accepts none. Rejects when the signal is aborted.
   */
  room(signal: AbortSignal): Promise<string | undefined>;
  /** Writes what is left, and runs no more. */
  close(): Promise<void>;
}

export function createParquetExport(data: ExportData, intervalMs: number): ParquetExport {
  let waiting = 0;
  // What others left in the spool is moved at the first interval, and not at once or at the end:
  // whoever opens the destination only to ask it moves nothing.
  let mayHoldOlder = true;
  let fault: string | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  const run = async (): Promise<void> => {
    const taken = waiting;
    const reply = await runThread(data).catch((error: Error) => failure(error.message));
    if (reply.kind === 'exported') {
      waiting -= taken;
      mayHoldOlder = false;
    }
    // While another holds the spool nothing comes into it either.
    fault = reply.kind === 'failed' && !reply.isBusy ? reply.reason : undefined;
  };
  const start = (): Promise<void> =>
    (running ??= run().finally(() => {
      running = undefined;
    }));
  const timer = setInterval(() => {
    if (waiting > 0 || mayHoldOlder) void start();
  }, intervalMs);

  return {
    added(events) {
      waiting += events;
      if (waiting >= data.fileEventsMax && !closed) void start();
    },
    async room(signal) {
      if (fault === undefined && waiting < 2 * data.fileEventsMax) return undefined;
      const aborted = whenAborted(signal);
      await Promise.race([start(), aborted.promise]).finally(aborted.forget);
      return fault && `the Parquet files cannot be written: ${fault}`;
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await running;
      if (waiting > 0) await start();
    },
  };
}

function failure(reason: string): ExportReply {
  return { kind: 'failed', isBusy: false, reason };
}

async function runThread(data: ExportData): Promise<ExportReply> {
  const thread = new Worker(new URL('./exporter.ts', import.meta.url), {
    workerData: data,
    name: 'headgate-parquet',
    // Flags of the gate's own process (an inspector, a preload) are not meant for this thread.
    execArgv: [],
  });
  let reply = failure('the thread ended before it was done');
  thread.on('message', (message: ExportReply) => (reply = message));
  thread.on('error', (error) => (reply = failure(error.message)));
  await new Promise((resolve) => thread.once('exit', resolve));
  return reply;
}
