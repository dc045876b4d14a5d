import { DeliverPolicy, type ConsumerConfig } from '@nats-io/jetstream';

import type { DestinationStart } from '../../config/config.ts';
import { clientsOf } from '../clients.ts';
import { partAt, withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import { startPrefix } from '../integrity/ledger.ts';
import type { Log } from '../log.ts';
import { storeUnlessChanged } from '../publish/store-if-unchanged.ts';
import { positionSince, readNext } from '../read/read.ts';
import { earlierStream, subjects } from '../topology.ts';
import { consumerOf } from './consumer-position.ts';

/**
 * Where a destination started. The first process that knows the destination records it, before any
 * worker runs, in LEDGER: a consumer that was recreated starts there again, and not later.
 */
export interface StartPosition {
  /** When the position was recorded: a Unix time in ms. Undefined for a destination of an earlier release. */
  readonly recordedAtMs: number | undefined;
  /** The first sequence that the destination gets of each part that it does not get whole. */
  readonly firsts: Readonly<Record<string, number>>;
}

const decoder = new TextDecoder();

const subjectOf = (destination: string): string =>
  subjects.ledger(earlierStream, `${startPrefix}${destination}`);

/** Undefined if none is recorded. Rejects when the log cannot be reached. */
export async function readStart(log: Log, destination: string): Promise<StartPosition | undefined> {
  const message = await readNext(log, 'LEDGER', 1, subjectOf(destination));
  return message && (JSON.parse(decoder.decode(message.payload)) as StartPosition);
}

/** A start, and whether this call recorded it. */
export interface FixedStart {
  readonly start: StartPosition;
  readonly isNew: boolean;
}

/**
 * The start of a destination; records it if there is none. `wanted` counts for a destination that
 * is new: one that has a consumer started at the first event. So does every destination of a log
 * that never held an event. Rejects when the log cannot be reached.
 */
export async function fixStart(
  log: Log,
  destination: string,
  wanted: DestinationStart,
): Promise<FixedStart> {
  const known = await readStart(log, destination);
  if (known !== undefined) return { start: known, isNew: false };
  const start = await findStart(log, destination, wanted);
  const subject = subjectOf(destination);
  const ack = await storeUnlessChanged(log, 'LEDGER', subject, 0, JSON.stringify(start));
  if (ack !== undefined) return { start, isNew: start.recordedAtMs !== undefined };
  // Another process was faster.
  return { start: (await readStart(log, destination)) ?? start, isNew: false };
}

async function findStart(
  log: Log,
  destination: string,
  wanted: DestinationStart,
): Promise<StartPosition> {
  return withParts(log, 'EVENTS', async (parts) => {
    const firsts: Record<string, number> = {};
    let isUnused = true;
    for (const part of parts) {
      const { manager } = clientsOf(log);
      if ((await consumerOf(manager, part.stream, destination)) !== undefined) {
        return { recordedAtMs: undefined, firsts: {} };
      }
      const { state } = await manager.streams.info(part.stream);
      if (state.last_seq < part.from) continue;
      isUnused = false;
      const first = await firstWanted(log, part, wanted, state.last_seq);
      if (first > part.from) firsts[part.stream] = first;
    }
    return { recordedAtMs: Date.now(), firsts: isUnused ? {} : firsts };
  });
}

/** The first sequence of a part that is wanted; the one after the last if none of its events is. */
async function firstWanted(
  log: Log,
  part: StreamPart,
  wanted: DestinationStart,
  last: number,
): Promise<number> {
  if (wanted.kind === 'earliest') return part.from;
  if (wanted.kind === 'now') return last + 1;
  const sinceMs = wanted.kind === 'time' ? wanted.ms : Date.now() - wanted.ms;
  const position = await positionSince(log, [part], sinceMs);
  return position === undefined ? last + 1 : part.sequence(position);
}

/** How a consumer on a part of EVENTS begins to deliver. */
export function deliverFrom(
  start: StartPosition,
  part: StreamPart,
): Pick<ConsumerConfig, 'deliver_policy'> & Partial<Pick<ConsumerConfig, 'opt_start_seq'>> {
  const first = start.firsts[part.stream];
  return first === undefined
    ? { deliver_policy: DeliverPolicy.All }
    : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: first };
}

/** Whether an event at a position of EVENTS came before the start of a destination. */
export function isBeforeStart(
  log: Log,
  start: StartPosition | undefined,
  position: number,
): boolean {
  if (start === undefined) return false;
  const part = partAt(log, 'EVENTS', position);
  return part !== undefined && part.sequence(position) < (start.firsts[part.stream] ?? 0);
}

/** How many events of the log lie before the start. Rejects when the log cannot be reached. */
export async function countBeforeStart(log: Log, start: StartPosition): Promise<number> {
  if (Object.keys(start.firsts).length === 0) return 0;
  return withParts(log, 'EVENTS', async (parts) => {
    let count = 0;
    for (const part of parts) {
      const first = start.firsts[part.stream];
      if (first === undefined) continue;
      const { state } = await clientsOf(log).manager.streams.info(part.stream);
      // Events that were deleted one by one among them are few.
      if (state.messages > 0) count += Math.max(0, first - state.first_seq);
    }
    return count;
  });
}

/** For a destination that is removed. Rejects when the log cannot be reached. */
export async function forgetStart(log: Log, destination: string): Promise<void> {
  const { streams } = clientsOf(log).manager;
  await streams.purge('LEDGER', { filter: subjectOf(destination) });
}
