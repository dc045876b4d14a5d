import { readJobEntry } from '../jetstream/consume/lane/job-entry.ts';
import type { Log } from '../jetstream/log.ts';
import { readJob, type RedeliveryJob, type StoredJob } from './job.ts';
import { writeJob } from './jobs.ts';

/** A job that this process works on, until it lays it down or another process takes it. */
export interface Lease {
  /** The job as it was last read or written. */
  readonly job: () => RedeliveryJob;
  readonly isLost: () => boolean;
  /**
   * Writes what `change` makes of the job, one call after another. If people have changed the job
   * meanwhile, `change` is called again with what they wrote. Writes nothing once the job is lost or
   * has no holder. Rejects when the log cannot be reached.
   */
  update(change: JobChange): Promise<void>;
  /**
   * Writes the job at least so often, however long the work takes, so that no other process takes it.
   * The returned function ends this.
   */
  keep(everyMs: number): () => void;
}

/** What a job becomes. Called more than once. */
export type JobChange = (job: RedeliveryJob) => Partial<RedeliveryJob>;

/** Changes nothing. It proves that this process still has the job, or finds that it is lost. */
export const unchanged: JobChange = () => ({});

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
  let writtenAt = performance.now();
  let lastUpdate = Promise.resolve();

  /** Reads the job that somebody else has changed. */
  const readAgain = async (): Promise<void> => {
    const entry = await readJobEntry(log, job.destination);
    const found = entry && readJob(entry);
    if (found?.job.id !== id || found.job.holder !== holder) isLost = true;
    else ({ job, revision } = found);
  };

  const write = async (change: JobChange): Promise<void> => {
    while (!isLost && job.holder === holder) {
      const next = { ...job, ...change(job) };
      const written = await writeJob(log, { job: next, revision });
      if (written === undefined) {
        await readAgain();
        continue;
      }
      job = next;
      revision = written;
      writtenAt = performance.now();
      return;
    }
  };

  const update = (change: JobChange): Promise<void> => {
    const written = lastUpdate.then(() => write(change));
    lastUpdate = written.catch(() => {});
    return written;
  };

  return {
    job: () => job,
    isLost: () => isLost,
    update,
    keep: (everyMs) => {
      let isWriting = false;
      const timer = setInterval(() => {
        if (isWriting || performance.now() - writtenAt < everyMs / 2) return;
        isWriting = true;
        // The work fails by itself when the log cannot be reached.
        const written = update(unchanged).catch(() => {});
        void written.finally(() => {
          isWriting = false;
        });
      }, everyMs);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}
