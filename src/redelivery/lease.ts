import { readJobEntry } from '../jetstream/consume/lane/job-entry.ts';
import type { Log } from '../jetstream/log.ts';
import { readJob, type RedeliveryJob, type StoredJob } from './job.ts';
import { writeJob } from './jobs.ts';

/** A job that this process works on, until another process takes it. */
export interface Lease {
  /** The job as it was last read or written. */
  readonly job: () => RedeliveryJob;
  readonly isLost: () => boolean;
  /**
   * Writes progress. What people have changed meanwhile stays: the state, unless it is what this
   * process last knew. Rejects when the log cannot be reached.
   */
  update(progress: Partial<RedeliveryJob>): Promise<void>;
}

/** Takes a job; undefined if another process was faster. Rejects when the log cannot be reached. */
export async function takeLease(
  log: Log,
  { job, revision }: StoredJob,
  holder: string,
): Promise<Lease | undefined> {
  const taken = { ...job, holder };
  const written = await writeJob(log, { job: taken, revision });
  return written === undefined ? undefined : createLease(log, { job: taken, revision: written });
}

function createLease(log: Log, stored: StoredJob): Lease {
  let { job, revision } = stored;
  const { id, holder } = job;
  let isLost = false;

  /** Reads the job that somebody else has changed. */
  const readAgain = async (): Promise<void> => {
    const entry = await readJobEntry(log, job.destination);
    const found = entry && readJob(entry);
    if (found?.job.id !== id || found.job.holder !== holder) isLost = true;
    else ({ job, revision } = found);
  };

  return {
    job: () => job,
    isLost: () => isLost,
    update: async (progress) => {
      const known = job.state;
      while (!isLost) {
        const next = { ...job, ...progress };
        if (job.state !== known) next.state = job.state;
        const written = await writeJob(log, { job: next, revision });
        if (written === undefined) {
          await readAgain();
          continue;
        }
        job = next;
        revision = written;
        return;
      }
    },
  };
}
