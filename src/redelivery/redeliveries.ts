import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { readJobEntries } from '../jetstream/consume/lane/job-entry.ts';
import type { Log } from '../jetstream/log.ts';
import type { Signals } from '../observability/signals.ts';
import { readJob, type RedeliveryJob, type StoredJob } from './job.ts';
import { takeLease, type Lease } from './lease.ts';
import { runJob, type RedeliveryTarget } from './run-job.ts';

/** Works on the redeliveries of the destinations that this process delivers to. */
export interface Redeliveries {
  add(target: RedeliveryTarget): void;
  /** Looks for redeliveries from now on. */
  start(): void;
  /** Leaves the running ones to other processes, or to the next start. Waits, but not for long. */
  stop(): Promise<void>;
}

export interface RedeliveriesOptions {
  readonly log: Log;
  readonly signals: Pick<
    Signals,
    'eventsRedelivered' | 'redeliveryTaken' | 'redeliveryLeft' | 'trouble'
  >;
  readonly lookMs?: number;
  /** A job that was not written for so long has lost its process. */
  readonly leaseMs?: number;
  readonly retryMs?: number;
}

const lookDefaultMs = 2_000;
const leaseDefaultMs = 15_000;
/** How often in this time its process writes it, also while it waits or asks a destination. */
const writesPerLease = 5;
const retryDefaultMs = 3_000;
const stopMsMax = 3_000;

/**
 * Each process looks for jobs, and takes one that no process holds. A holder writes its job every few
 * seconds; others see by their own clock that it does not. A write replaces exactly the entry that it
 * has read, so that of two processes one gets the job.
 */
export function createRedeliveries(options: RedeliveriesOptions): Redeliveries {
  const { log, signals, leaseMs = leaseDefaultMs } = options;
  const holder = randomUUID();
  const targets = new Map<string, RedeliveryTarget>();
  const running = new Map<string, Promise<void>>();
  const seen = new Map<string, { readonly revision: number; readonly atMs: number }>();
  const stopping = new AbortController();

  const isFree = ({ job, revision }: StoredJob): boolean => {
    if (job.state !== 'running' && job.state !== 'cancelling') return false;
    if (job.holder === '') return true;
    const nowMs = performance.now();
    const known = seen.get(job.destination);
    if (known?.revision === revision) return nowMs - known.atMs >= leaseMs;
    seen.set(job.destination, { revision, atMs: nowMs });
    return false;
  };

  const look = async (): Promise<void> => {
    for (const stored of (await readJobEntries(log)).map(readJob)) {
      const { destination } = stored.job;
      const target = targets.get(destination);
      if (target === undefined || running.has(destination) || !isFree(stored)) continue;
      const lease = await takeLease(log, stored, holder);
      if (lease === undefined) continue;
      const work = runUntilEnded(options, target, lease, stopping.signal).finally(() =>
        running.delete(destination),
      );
      running.set(destination, work);
    }
  };

  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const lookOnce = (): void => {
    looking ??= look()
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) signals.trouble('looking for redeliveries', error);
      })
      .finally(() => {
        looking = undefined;
      });
  };
  return {
    add: (target) => void targets.set(target.name, target),
    start: () => {
      timer ??= setInterval(lookOnce, options.lookMs ?? lookDefaultMs);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await looking;
      const ended = Promise.allSettled(running.values());
      await Promise.race([ended, sleep(stopMsMax, undefined, { ref: false })]);
    },
  };
}

/** Tries again after every failure, as long as this process has the job. Never rejects. */
async function runUntilEnded(
  options: RedeliveriesOptions,
  target: RedeliveryTarget,
  lease: Lease,
  signal: AbortSignal,
): Promise<void> {
  const { log, signals, retryMs = retryDefaultMs, leaseMs = leaseDefaultMs } = options;
  const { destination, id } = lease.job();
  const stopKeeping = lease.keep(leaseMs / writesPerLease);
  const onSent = (events: number): void => signals.eventsRedelivered(destination, events);
  signals.redeliveryTaken(destination, id);
  let isFailing = false;
  while (!lease.isLost()) {
    try {
      await runJob({ log, target, lease, signal, onSent });
      break;
    } catch (error) {
      if (signal.aborted) break;
      // Log the first failure only: an outage lasts.
      if (!isFailing) signals.trouble(`redelivering to ${destination}`, error);
      isFailing = true;
      const note = error instanceof Error ? error.message : String(error);
      await lease.update(() => ({ note })).catch(() => {});
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }
  stopKeeping();
  const { state, sent, note } = lease.job();
  signals.redeliveryLeft(destination, { id, state: stateOf(lease, state), sent, note });
}

function stateOf(lease: Lease, state: RedeliveryJob['state']): RedeliveryJob['state'] | 'lost' {
  return lease.isLost() ? 'lost' : state;
}
