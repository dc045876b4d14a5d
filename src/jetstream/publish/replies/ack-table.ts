import { PublishError } from '../publish-error.ts';
import { ReplyGroup, type Lane } from './reply-group.ts';

/** The groups of messages that wait for acknowledgements, by the token of their reply subject. */
export interface AckTable {
  /** Adds a new group for messages of this stream. */
  open(lane: Lane): ReplyGroup;
  /** Undefined if no group waits under this token. */
  find(token: number): ReplyGroup | undefined;
  /** Removes a group. */
  remove(group: ReplyGroup): void;
  /** Fails every message in the table. */
  failAll(error: PublishError): void;
  close(): void;
}

/** How often the table checks for late and expired groups. One timer serves all groups. */
const sweepIntervalMs = 250;

export interface AckTableOptions {
  readonly timeoutMs: number;
  readonly onFailed: (group: ReplyGroup, error: PublishError) => void;
  /** Called at the start of each sweep. */
  readonly onSweep: () => void;
  /** Called at each sweep for every group that has waited for `lateMs`, the oldest first. */
  readonly onLate: (group: ReplyGroup, waitedMs: number) => void;
}

/** Younger groups are no concern of a sweep. */
export const lateMs = 1_000;

/** A power of two, so that the low bits of a token are its slot. */
const slotsInitial = 1024;

/**
 * Every group is removed once: when it is answered, by the sweep after `timeoutMs`, or by
 * `failAll`.
 *
 * The table is a ring buffer, and tokens count up without end. Acknowledgements arrive nearly in
 * order, so the ring is about as long as the number of groups in flight. Finding a slot is one
 * operation; a Map would hash each token, and reallocate as entries come and go.
 */
export function createAckTable(options: AckTableOptions): AckTable {
  const { timeoutMs, onFailed, onSweep, onLate } = options;
  let slots: (ReplyGroup | undefined)[] = emptySlots(slotsInitial);
  /** All groups before this token are settled. */
  let oldest = 1;
  let next = 1;

  const grow = (): void => {
    const { length } = slots;
    const larger: typeof slots = emptySlots(length * 2);
    for (let token = oldest; token < next; token += 1) {
      larger[token & (length * 2 - 1)] = slots[token & (length - 1)];
    }
    slots = larger;
  };

  const find = (token: number): ReplyGroup | undefined =>
    token >= oldest && token < next ? slots[token & (slots.length - 1)] : undefined;

  const remove = ({ token }: ReplyGroup): void => {
    slots[token & (slots.length - 1)] = undefined;
    while (oldest < next && slots[oldest & (slots.length - 1)] === undefined) oldest += 1;
  };

  const fail = (group: ReplyGroup, error: PublishError): void => {
    remove(group);
    onFailed(group, error);
  };

  const sweep = setInterval(() => {
    onSweep();
    const now = performance.now();
    while (oldest < next) {
      const group = slots[oldest & (slots.length - 1)]!;
      if (group.deadline > now) break;
      fail(group, new PublishError('timeout', `no acknowledgement within ${timeoutMs} ms`));
    }
    for (let token = oldest; token < next; token += 1) {
      const group = find(token);
      if (group === undefined) continue;
      const waitedMs = now - (group.deadline - timeoutMs);
      if (waitedMs < lateMs) break;
      onLate(group, waitedMs);
    }
  }, sweepIntervalMs);
  sweep.unref();

  return {
    open: (lane) => {
      if (next - oldest === slots.length) grow();
      const group = new ReplyGroup(next, lane, performance.now() + timeoutMs);
      slots[next & (slots.length - 1)] = group;
      next += 1;
      return group;
    },
    find,
    remove,
    failAll: (error) => {
      // Groups that a callback adds during this loop do not fail.
      for (let token = oldest, end = next; token < end; token += 1) {
        const group = find(token);
        if (group !== undefined) fail(group, error);
      }
    },
    close: () => clearInterval(sweep),
  };
}

function emptySlots<T>(length: number): (T | undefined)[] {
  return Array.from({ length });
}
