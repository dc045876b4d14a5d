import type { StreamState } from '@nats-io/jetstream';

import { canaryName } from '../../../event/canary.ts';
import { steadyTimeMs } from '../../../event/time/steady-time.ts';
import { clientsOf } from '../../clients.ts';
import { firstGivenUp } from '../advisories.ts';
import { positionOf, type ConsumerPosition } from '../consumer-position.ts';
import { listConsumingDestinations } from '../destination-consumer.ts';
import { readFirstUnsettled } from '../first-unsettled.ts';
import type { StreamAges } from './stream-ages.ts';
import type { StreamPart } from '../../events/stream-parts.ts';
import type { Log } from '../../log.ts';
import { isPartReader } from '../../read/part-reader.ts';
import { readNextIn } from '../../read/read.ts';
import type { ConsumedStream } from '../../topology.ts';

/**
 * The position up to which a destination may lose its events, by the one up to which it has settled
 * them: lower where a destination is asked what it has.
 */
export type ConfirmedUpTo = (
  destination: string,
  settledUpTo: number,
  part: StreamPart,
) => Promise<number> | number;

export interface DeletableOptions {
  readonly log: Log;
  /** What is younger is kept. */
  readonly retentionMs: number;
  /** All configured destinations. Nothing may be deleted until each has a consumer. */
  readonly destinations: readonly string[];
  /** Called for each destination that has waiting events and is not in the configuration. */
  readonly onForgotten?: ((destination: string, waiting: number) => void) | undefined;
  /** Default: what is settled may go. */
  readonly confirmedUpTo?: ConfirmedUpTo | undefined;
  readonly now?: (() => number) | undefined;
}

/** What may be deleted from a part of a stream. All figures are sequences of the part. */
export interface Deletable {
  /** Everything before may be deleted; at most the first sequence of the part if nothing may. */
  readonly before: number;
  /**
   * The first message that a consumer may still have to settle, for each consumer that has one. 0
   * for a configured destination without a consumer.
   */
  readonly heldFrom: ReadonlyMap<string, number>;
  /** The first message that a consumer has not settled, for each that has one. */
  readonly unsettledFrom: ReadonlyMap<string, number>;
  /** The first message that is younger than the retention. */
  readonly young: number;
}

/** A closed stream may become empty; of the others the last message stays. */
export const keptMinOf = (part: StreamPart): number => (part.isClosed ? 0 : 1);

/**
 * Finds the messages at the beginning of a part that are older than the retention, settled by every
 * consumer, and not about to become dead letters. Rejects when the log cannot be reached.
 */
export async function findDeletable(
  stream: ConsumedStream,
  part: StreamPart,
  state: Pick<StreamState, 'first_seq' | 'last_seq'>,
  ages: StreamAges,
  options: DeletableOptions,
): Promise<Deletable> {
  const { log, retentionMs } = options;
  // Read the consumers before the advisories: an event leaves its consumer first.
  const { heldFrom, unsettledFrom } = await readHeldFrom(part, state.last_seq, options);
  const unsettled = Math.min(state.last_seq + 1, ...heldFrom.values());
  const keepSinceMs = (options.now?.() ?? steadyTimeMs()) - retentionMs;
  const found = Math.min(ages.foundUpTo(), state.last_seq);
  const young = Math.max(
    ages.oldUpTo() + 1,
    await firstSince(log, part, keepSinceMs, state.first_seq, found),
  );
  const givenUp = await firstGivenUp(log, stream, part);
  const before = Math.min(unsettled, young, givenUp, state.last_seq + 1 - keptMinOf(part));
  return { before, heldFrom, unsettledFrom, young };
}

async function readHeldFrom(
  part: StreamPart,
  lastSequence: number,
  options: DeletableOptions,
): Promise<Pick<Deletable, 'heldFrom' | 'unsettledFrom'>> {
  const { log, confirmedUpTo } = options;
  const firstAfter = async (
    position: ConsumerPosition,
    upTo: number,
  ): Promise<number | undefined> => {
    if (part.sequence(upTo) >= lastSequence) return undefined;
    // On other streams a consumer sees, and holds back, only the messages of its destination.
    const next = await readFirstUnsettled(log, part, position, upTo);
    const sequence = next && part.sequence(next.sequence);
    return sequence !== undefined && sequence <= lastSequence ? sequence : undefined;
  };
  const reportForgotten = async (name: string, waiting: number): Promise<void> => {
    // A consumer of another program holds its messages too, but it is no destination.
    const isDestination = (await listConsumingDestinations(log)).includes(name);
    if (isDestination) options.onForgotten?.(name, waiting);
  };
  const heldFrom = new Map(options.destinations.map((name) => [name, 0]));
  const unsettledFrom = new Map<string, number>();
  for await (const info of clientsOf(log).manager.consumers.list(part.stream)) {
    // Undelivered heartbeats do not prevent deletion, nor does a person who reads the log.
    if (info.name === canaryName || isPartReader(info.name)) continue;
    heldFrom.delete(info.name);
    const position = positionOf(info, part);
    const { settledUpTo } = position;
    const unsettledCount = position.waiting + position.inWork;
    if (unsettledCount > 0 && !options.destinations.includes(info.name)) {
      await reportForgotten(info.name, unsettledCount);
    }
    const confirmed = (await confirmedUpTo?.(info.name, settledUpTo, part)) ?? settledUpTo;
    const upTo = Math.min(confirmed, settledUpTo);
    // Also of a consumer that counts nothing: its count may be late.
    const held = await firstAfter(position, upTo);
    if (held === undefined) continue;
    heldFrom.set(info.name, held);
    const next = upTo === settledUpTo ? held : await firstAfter(position, settledUpTo);
    if (next !== undefined) unsettledFrom.set(info.name, next);
  }
  return { heldFrom, unsettledFrom };
}

/**
 * The first sequence stored at `timeMs` or later, by binary search: times grow with the sequence.
 */
async function firstSince(
  log: Log,
  part: StreamPart,
  timeMs: number,
  first: number,
  last: number,
): Promise<number> {
  let low = first;
  let high = last + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const message = await readNextIn(log, part, middle, '>');
    const sequence = message === undefined ? Infinity : part.sequence(message.sequence);
    if (message === undefined || sequence > last) high = middle;
    else if (message.storedAtMs < timeMs) low = sequence + 1;
    else high = middle;
  }
  return low;
}
