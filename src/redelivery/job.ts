import type { JobEntry } from '../jetstream/consume/lane/job-entry.ts';
import { progressOf, type EventRanges } from '../jetstream/events/event-ranges.ts';
import type { Selection } from './selection.ts';

/**
 * States: running <-> paused
 *         running, paused -> cancelling -> cancelled
 *         running -> done, failed
 */
export type JobState = 'running' | 'paused' | 'cancelling' | 'cancelled' | 'done' | 'failed';

/**
 * A redelivery, as LEDGER holds it. It belongs to the log and not to a process: the holder does the
 * work, and if it ends, another process goes on with `rest`. Times are Unix times in ms.
 */
export interface RedeliveryJob {
  readonly id: string;
  readonly destination: string;
  readonly selection: Selection;
  readonly state: JobState;
  /** The most events a second. */
  readonly rate: number;
  /** All events among which it selects. */
  readonly ranges: EventRanges;
  /** What was not read yet. What was selected before was stored for the destination. */
  readonly rest: EventRanges;
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

/** The form in LEDGER. A log with one partition has what releases without partitions wrote and read. */
interface JobText extends Omit<RedeliveryJob, 'ranges' | 'rest'> {
  readonly from: number;
  readonly upTo: number;
  readonly position: number;
  readonly ranges?: EventRanges;
  readonly rest?: EventRanges;
}

export function readJob({ text, revision }: JobEntry): StoredJob {
  const { from, upTo, position, ranges, rest, ...job } = JSON.parse(text) as JobText;
  const { untilMs } = job.selection;
  // JSON has no Infinity.
  const selection = { ...job.selection, untilMs: untilMs ?? Number.POSITIVE_INFINITY };
  return {
    job: {
      ...job,
      selection,
      ranges: ranges ?? [{ from, to: Math.max(upTo, from - 1) }],
      rest: rest ?? [{ from: position + 1, to: Math.max(upTo, position) }],
    },
    revision,
  };
}

export function jobText({ ranges, rest, ...job }: RedeliveryJob): string {
  const { reached, ...all } = progressOf(ranges, rest);
  const text: JobText = { ...job, ...all, position: reached };
  return JSON.stringify(ranges.length > 1 ? { ...text, ranges, rest } : text);
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
