import { randomUUID } from 'node:crypto';

import { ServiceError } from '../errors.ts';
import {
  readJobEntries,
  readJobEntry,
  writeJobEntry,
} from '../jetstream/consume/lane/job-entry.ts';
import type { EventRanges } from '../jetstream/events/event-ranges.ts';
import type { Log } from '../jetstream/log.ts';
import { deleteLane } from './delete-lane.ts';
import { endedJob, hasEnded, jobText, readJob, type RedeliveryJob, type StoredJob } from './job.ts';
import { findRange, type Selection } from './selection.ts';

/** What people do with redeliveries. All functions reject when the log cannot be reached. */
export interface RedeliveryJobs {
  /** The newest of each destination. */
  list(): Promise<RedeliveryJob[]>;
  /**
   * Sends what is selected now, in a log with one partition up to the position `upToMax` of EVENTS.
   * Throws a ServiceError `redelivery_running` while another one of the destination has not ended.
   */
  start(
    destination: string,
    selection: Selection,
    rate: number,
    upToMax?: number,
  ): Promise<RedeliveryJob>;
  /**
   * Throws a ServiceError `redelivery_not_found`, or `redelivery_ended` if it has ended or is being
   * cancelled, as `resume` and `cancel` do. Repeating one of them changes nothing.
   */
  pause(id: string): Promise<RedeliveryJob>;
  resume(id: string): Promise<RedeliveryJob>;
  cancel(id: string): Promise<RedeliveryJob>;
}

/** Longer than workers ever compete for an entry. */
const triesMax = 20;

export function createRedeliveryJobs(log: Log): RedeliveryJobs {
  const find = async (id: string): Promise<StoredJob> =>
    (await readJobEntries(log)).map(readJob).find(({ job }) => job.id === id) ??
    refuse('redelivery_not_found', `No redelivery ${id} is known.`);

  /** Changes a job that its worker may be writing at the same time. */
  const change = async (
    id: string,
    changed: (job: RedeliveryJob) => Partial<RedeliveryJob>,
  ): Promise<StoredJob> => {
    for (let tries = 0; tries < triesMax; tries += 1) {
      const { job, revision } = await find(id);
      const next = { ...job, ...changed(job) };
      const written = await writeJob(log, { job: next, revision });
      if (written !== undefined) return { job: next, revision: written };
    }
    throw new ServiceError('log_unavailable', `The redelivery ${id} changes all the time.`);
  };

  const setState = (id: string, state: 'paused' | 'running'): Promise<StoredJob> =>
    change(id, (job) => {
      if (hasEnded(job) || job.state === 'cancelling') refuseEnded(job);
      return { state };
    });

  return {
    list: async () => (await readJobEntries(log)).map((entry) => readJob(entry).job),
    start: async (destination, selection, rate, upToMax = Infinity) => {
      const found = await findRange(log, selection);
      const ranges = clipped(found.ranges, upToMax);
      const entry = await readJobEntry(log, destination);
      const earlier = entry && readJob(entry);
      if (earlier !== undefined && !hasEnded(earlier.job)) refuseSecond(earlier.job);
      const job = { ...newJob(destination, selection, rate), ranges, rest: ranges };
      const revision = await writeJob(log, { job, revision: earlier?.revision ?? 0 });
      if (revision === undefined)
        refuseSecond(readJob((await readJobEntry(log, destination))!).job);
      return job;
    },
    pause: async (id) => (await setState(id, 'paused')).job,
    resume: async (id) => (await setState(id, 'running')).job,
    cancel: async (id) => {
      const mine = randomUUID();
      // A process that does the work ends it; else it is ended here.
      const { job, revision } = await change(id, (found) => {
        if (hasEnded(found)) refuseEnded(found);
        return { state: 'cancelling', holder: found.holder === '' ? mine : found.holder };
      });
      if (job.holder !== mine) return job;
      return (await finishCancel(log, { job, revision })) ?? job;
    },
  };
}

/** Resolves to the new revision; undefined if another process wrote the job first. */
export function writeJob(log: Log, { job, revision }: StoredJob): Promise<number | undefined> {
  return writeJobEntry(log, job.destination, { text: jobText(job), revision });
}

/** Ends a job that is being cancelled; undefined if another process has taken it. */
async function finishCancel(log: Log, stored: StoredJob): Promise<RedeliveryJob | undefined> {
  let revision: number | undefined;
  await deleteLane(log, stored.job.destination, async () => {
    revision = await writeJob(log, stored);
    return revision !== undefined;
  });
  if (revision === undefined) return undefined;
  const job = { ...stored.job, ...endedJob(stored.job, 'cancelled') };
  return (await writeJob(log, { job, revision })) === undefined ? undefined : job;
}

/** The position is one of a log with one partition; over several it says nothing about what came later. */
function clipped(ranges: EventRanges, upToMax: number): EventRanges {
  const [only] = ranges;
  if (ranges.length !== 1 || only === undefined) return ranges;
  return [{ from: only.from, to: Math.max(only.from - 1, Math.min(only.to, upToMax)) }];
}

function newJob(destination: string, selection: Selection, rate: number) {
  return {
    id: randomUUID().slice(0, 8),
    destination,
    selection,
    state: 'running',
    rate,
    sent: 0,
    laneFrom: 0,
    holder: '',
    note: '',
    startedAtMs: Date.now(),
    endedAtMs: 0,
  } as const;
}

function refuseSecond({ id, destination }: RedeliveryJob): never {
  return refuse(
    'redelivery_running',
    `The redelivery ${id} to ${destination} has not ended. Wait for it, or cancel it: ` +
      `headgate redeliver cancel ${id}.`,
  );
}

function refuseEnded({ id, state }: RedeliveryJob): never {
  const text = state === 'cancelling' ? 'is being cancelled' : `is ${state} already`;
  return refuse('redelivery_ended', `The redelivery ${id} ${text}.`);
}

function refuse(
  code: 'redelivery_not_found' | 'redelivery_running' | 'redelivery_ended',
  message: string,
): never {
  throw new ServiceError(code, message);
}
