import { setTimeout as sleep } from 'node:timers/promises';

import { clientsOf } from '../../clients.ts';
import { partitionsMax } from '../../events/event-position.ts';
import {
  partitionsOf,
  readLayout,
  writeLayout,
  type PartitionLayout,
} from '../../events/layout.ts';
import type { Log } from '../../log.ts';

/** A part of EVENTS, for operators. */
export interface PartitionStatus {
  /** The name that NATS knows. */
  readonly stream: string;
  /** It takes no more events, and is deleted once its events are old and settled. */
  readonly isClosed: boolean;
  readonly events: number;
  readonly bytes: number;
  /** The server that leads it; undefined without a cluster, or a leader. */
  readonly leader: string | undefined;
}

export interface PartitionsStatus {
  /** How many partitions take events. */
  readonly count: number;
  /** False while a change is being completed. */
  readonly isReady: boolean;
  /** In the order of their positions. */
  readonly parts: readonly PartitionStatus[];
}

/** Rejects when the log cannot be reached. */
export async function readPartitions(log: Log): Promise<PartitionsStatus> {
  const { manager, events } = clientsOf(log);
  await events.refresh();
  const { layout, parts } = events.now();
  const statuses: PartitionStatus[] = [];
  for (const { stream, isClosed } of parts) {
    const { state, cluster } = await manager.streams.info(stream);
    const leader = cluster?.leader === '' ? undefined : cluster?.leader;
    statuses.push({ stream, isClosed, events: state.messages, bytes: state.bytes, leader });
  }
  return { count: layout.open.length, isReady: layout.isReady, parts: statuses };
}

/**
 * `unfinished`: the last change is not completed. `exhausted`: too many closed partitions still hold
 * events. `raced`: somebody else has changed the number at the same time.
 */
export type PartitionsRefusal = 'unfinished' | 'exhausted' | 'raced';

/**
 * Requests another number of partitions. A process that creates streams completes it within seconds:
 * `waitForPartitions`. Resolves to why it was refused; undefined if it was not. Rejects when the log
 * cannot be reached.
 */
export async function requestPartitions(
  log: Log,
  count: number,
): Promise<PartitionsRefusal | undefined> {
  const { manager } = clientsOf(log);
  const { layout, sequence } = await readLayout(manager);
  if (!layout.isReady) return 'unfinished';
  if (layout.open.length === count) return undefined;
  const next = nextLayout(layout, count);
  if (next === undefined) return 'exhausted';
  return (await writeLayout(manager, next, sequence)) ? undefined : 'raced';
}

/** Whether the change is completed within this time. Rejects when the log cannot be reached. */
export async function waitForPartitions(log: Log, timeoutMs: number): Promise<boolean> {
  const { manager } = clientsOf(log);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if ((await readLayout(manager)).layout.isReady) return true;
    if (performance.now() > deadline) return false;
    await sleep(pollMs);
  }
}

const pollMs = 200;

/**
 * The next generation: the partitions that take events are closed, and others are made. Numbers go
 * up and begin again with 0, so that one is not used again for as long as possible: a gate that was
 * cut off from the log might still publish to its old subject. Undefined if there are not enough.
 */
export function nextLayout(layout: PartitionLayout, count: number): PartitionLayout | undefined {
  const used = new Set(partitionsOf(layout));
  const open: number[] = [];
  const last = layout.open.at(-1)!;
  for (let step = 1; step < partitionsMax && open.length < count; step += 1) {
    const number = (last + step) % partitionsMax;
    if (!used.has(number)) open.push(number);
  }
  if (open.length < count) return undefined;
  return {
    generation: layout.generation + 1,
    open,
    closed: [layout.open, ...layout.closed],
    isReady: false,
  };
}
