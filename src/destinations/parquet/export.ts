import { Worker } from 'node:worker_threads';
import type { ContractsInForce, EventContract } from '../../event/contracts/event-contract.ts';
import { steadyTimeMs } from '../../event/time/steady-time.ts';
import { whenAborted } from '../when-aborted.ts';
import { onReply } from '../writer-thread/replies.ts';
import type { ExportData, ExportReply, ExportRequest } from './exporter.ts';

/** Runs the exporter's thread, one at a time: now and then, and whenever it is asked. */
export interface ParquetExport {
  /** Reports how many events were added to the spool. */
  added(events: number): void;
  /**
   * Resolves when the spool accepts more events: at once, unless files cannot be written, or not as
   * fast as events arrive. Resolves to the reason if it accepts none. Rejects when the signal is
   * aborted.
   */
  room(signal: AbortSignal): Promise<string | undefined>;
  /** Why files cannot be written, by the last time when it was tried. */
  fault(): string | undefined;
  /** Writes what is left, and runs no more. */
  close(): Promise<void>;
}

/**
 * The spool takes the events of so many files before batches wait for the thread. With two, they waited for its first
 * file, which is slow: its code is not compiled yet.
 */
const waitingFiles = 3;

export function createParquetExport(
  data: ExportData,
  intervalMs: number,
  contracts: ContractsInForce = () => [],
): ParquetExport {
  let waiting = 0;
  // Events that an earlier process left in the spool are moved at the first interval, not at once
  // and not at the end. So opening the destination only to query it moves nothing.
  let mayHoldOlder = true;
  let fault: string | undefined;
  let running: Promise<void> | undefined;
  let closed = false;
  const thread = createExporterThread(data);

  const run = async (): Promise<void> => {
    const taken = waiting;
    const reply = await thread.run(contracts).catch((error: Error) => failure(error.message));
    if (reply.kind === 'exported') {
      waiting -= taken;
      mayHoldOlder = false;
    }
    // While another process holds the spool, it receives no events either.
    fault = reply.kind === 'failed' && !reply.isBusy ? reply.reason : undefined;
  };
  const start = (): Promise<void> =>
    (running ??= run().finally(() => {
      running = undefined;
    }));
  const reason = (): string | undefined => fault && `the Parquet files cannot be written: ${fault}`;
  const timer = setInterval(() => {
    if (waiting > 0 || mayHoldOlder) void start();
  }, intervalMs);

  return {
    added(events) {
      waiting += events;
      if (waiting >= data.fileEventsMax && !closed) void start();
    },
    async room(signal) {
      if (fault === undefined && waiting < waitingFiles * data.fileEventsMax) return undefined;
      const aborted = whenAborted(signal);
      await Promise.race([start(), aborted.promise]).finally(aborted.forget);
      return reason();
    },
    fault: reason,
    async close() {
      closed = true;
      clearInterval(timer);
      await running;
      if (waiting > 0) await start();
      await thread.end();
    },
  };
}

function failure(reason: string): ExportReply {
  return { kind: 'failed', isBusy: false, reason };
}

/** The exporter's thread, started when it is needed. */
interface ExporterThread {
  run(contracts: ContractsInForce): Promise<ExportReply>;
  end(): Promise<void>;
}

/** A thread without work ends after this time, and frees its memory. */
const idleMs = 5_000;

function createExporterThread(data: ExportData): ExporterThread {
  let worker: Worker | undefined;
  let sent: readonly EventContract[] | undefined;
  let idle: NodeJS.Timeout | undefined;
  const isTyped = data.tables !== undefined && data.tables.mode !== 'events';

  const start = (): Worker => {
    if (worker !== undefined) return worker;
    const started = new Worker(new URL('./exporter.ts', import.meta.url), {
      workerData: data,
      name: 'headgate-parquet',
      // The flags of the gate's process (an inspector, a preload) must not apply to this thread.
      // Node 22 says that node:sqlite is experimental.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    started.once('exit', () => {
      if (worker === started) worker = undefined;
    });
    // A run reports it. Between two runs, the exit is enough: the next run starts another thread.
    started.on('error', () => undefined);
    sent = undefined;
    worker = started;
    return started;
  };
  const end = async (): Promise<void> => {
    clearTimeout(idle);
    const ending = worker;
    worker = undefined;
    await ending?.terminate();
  };
  return {
    async run(contracts) {
      clearTimeout(idle);
      const thread = start();
      const inForce = isTyped ? contracts() : [];
      const reply = replyOf(thread);
      const request: ExportRequest = {
        nowMs: steadyTimeMs(),
        contracts: inForce === sent ? undefined : inForce,
      };
      thread.postMessage(request, []);
      sent = inForce;
      return reply.finally(() => {
        if (worker === thread) idle = setTimeout(() => void end(), idleMs).unref();
      });
    },
    end,
  };
}

/** The next answer. Resolves to a failure if the thread ends before. */
function replyOf(thread: Worker): Promise<ExportReply> {
  return new Promise((resolve) => {
    const onEnd = (): void => settle(failure('the thread ended before it was done'));
    const onError = (error: Error): void => settle(failure(error.message));
    const settle = (reply: ExportReply): void => {
      offReply();
      thread.off('exit', onEnd).off('error', onError);
      resolve(reply);
    };
    const offReply = onReply(thread, settle);
    thread.on('exit', onEnd).on('error', onError);
  });
}
