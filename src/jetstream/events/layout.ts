import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';

import { subjects } from '../topology.ts';

/**
 * Into which partitions the log of events is split. It is kept in LEDGER, under `subjects.layout`;
 * a log without an entry has partition 0 alone (docs/adr/0052-the-number-of-partitions.md).
 */
export interface PartitionLayout {
  /** Counts the changes, from 0. */
  readonly generation: number;
  /** The partitions that take events. The hash of an event's id chooses one by its place here. */
  readonly open: readonly number[];
  /**
   * The partitions of earlier generations whose streams still exist, newest generation first. For a
   * dedup window after a generation was closed its partitions are in the order of `open` then.
   */
  readonly closed: readonly (readonly number[])[];
  /** False while the streams of `open` are being created: no event is stored until then. */
  readonly isReady: boolean;
}

/** The layout of a log that has no entry. */
export const layoutDefault: PartitionLayout = {
  generation: 0,
  open: [0],
  closed: [],
  isReady: true,
};

export interface StoredLayout {
  readonly layout: PartitionLayout;
  /** Of its entry in LEDGER; 0 if there is no entry. */
  readonly sequence: number;
}

/** JetStream's codes of errors. */
export const streamNotFound = 10059;
const wrongLastSequence = 10071;

/** Whether NATS has refused a request because the stream does not exist. */
export function isStreamNotFound(error: unknown): boolean {
  return (error as { code?: unknown }).code === streamNotFound;
}

/** Rejects when the log cannot be reached. */
export async function readLayout(manager: JetStreamManager): Promise<StoredLayout> {
  const entry = await lastInLedger(manager, subjects.layout);
  if (entry === undefined) return { layout: layoutDefault, sequence: 0 };
  return { layout: entry.json<PartitionLayout>(), sequence: entry.seq };
}

/**
 * The last entry with a subject, from the leader: a replica may not have it yet. Undefined without one, also before
 * LEDGER is created. Rejects when the log cannot be reached.
 */
export async function lastInLedger(
  manager: JetStreamManager,
  subject: string,
): Promise<StoredMsg | undefined> {
  try {
    return (await manager.streams.getMessage('LEDGER', { last_by_subj: subject })) ?? undefined;
  } catch (error) {
    if (isStreamNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Replaces the entry with this sequence (0: the first one). False if another process was faster.
 * Rejects when the log cannot be reached.
 */
export async function writeLayout(
  manager: JetStreamManager,
  layout: PartitionLayout,
  sequence: number,
): Promise<boolean> {
  try {
    await manager.jetstream().publish(subjects.layout, JSON.stringify(layout), {
      expect: { lastSubjectSequence: sequence },
    });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === wrongLastSequence) return false;
    throw error;
  }
}

/** Every partition whose stream may exist, in the order of their numbers. */
export function partitionsOf({ open, closed }: PartitionLayout): number[] {
  return [...open, ...closed.flat()].toSorted((left, right) => left - right);
}
