import type { JobEntry } from '../jetstream/consume/lane/job-entry.ts';
import type { Selection } from './selection.ts';

/**
 * States: running <-> paused
 *         running, paused -> cancelling -> cancelled
 *         running -> done, failed
 */
export type JobState = 'running' | 'paused' | 'cancelling' | 'cancelled' | 'done' | 'failed';

/**
 * A redelivery, as LEDGER holds it. It belongs to the log and not to a process: the holder does the
 * work, and if it ends, another process goes on after `position`. Positions are those of EVENTS,
 * times are Unix times in ms.
 */
export interface RedeliveryJob {
  readonly id: string;
  readonly destination: string;
  readonly selection: Selection;
  readonly state: JobState;
  /** The most events a second. */
  readonly rate: number;
  readonly from: number;
  readonly upTo: number;
  /** Everything up to here was read, and what was selected of it was stored for the destination. */
  readonly position: number;
  /** How many events were selected and stored. */
  readonly sent: number;
  /** The position of REPLAY from which its copies are delivered; 0 before the work begins. */
  readonly laneFrom: number;
  /** The process that does the work; empty while none does. It writes the job every few seconds. */
  readonly holder: string;
  /** What it waits for, or why it failed. */
  readonly note: string;
  readonly startedAtMs: number;
  /** 0 while it has not ended. */
  readonly endedAtMs: number;
  /** It has ended, and was for one person, whose id is no longer kept. */
  readonly wasOfPerson?: boolean;
}

/** A job and the revision of its entry. */
export interface StoredJob {
  readonly job: RedeliveryJob;
  readonly revision: number;
}

export function readJob({ text, revision }: JobEntry): StoredJob {
  const job = JSON.parse(text) as RedeliveryJob;
  const { untilMs } = job.selection;
  // JSON has no Infinity.
  const selection = { ...job.selection, untilMs: untilMs ?? Number.POSITIVE_INFINITY };
  return { job: { ...job, selection }, revision };
}

export function jobText(job: RedeliveryJob): string {
  return JSON.stringify(job);
}

export function hasEnded({ state }: RedeliveryJob): boolean {
  return state === 'done' || state === 'cancelled' || state === 'failed';
}

/** The end of a job. The id of a person is kept no longer than it is needed. */
export function endedJob(
  job: RedeliveryJob,
  state: 'done' | 'cancelled' | 'failed',
  note = '',
): Partial<RedeliveryJob> {
  const selection = { ...job.selection, user: '' };
  const wasOfPerson = job.selection.user !== '';
  return {
    state,
    note,
    selection,
    holder: '',
    endedAtMs: Date.now(),
    ...(wasOfPerson && { wasOfPerson }),
  };
}
