import type { PublishCallback } from '../publish-ack.ts';
import type { ReplyGroup } from './reply-group.ts';

/*
 * A message that a leader takes into an election, or that is sent during one, is never answered, while the
 * next leader would answer it at once (ADR 58). Two signs of it, after a second without an answer:
 *
 * - Its stream has stored a message that was sent later. A stream stores the messages of one connection in
 *   order, so this one was lost.
 * - Its stream has answered nothing for a second. It may be slow, and have the message. So the oldest message
 *   alone is sent again. An answer says that there is a leader now, and that it has nothing older before it.
 *
 * The id of a message says whether it is stored after all.
 */

export interface LostGroupsOptions {
  /** Older messages are not sent again: the stream may have forgotten their ids. */
  readonly resendWithinMs: number;
  /** Publishes a group's first message alone. Returns the token of the copy; undefined if it cannot be sent. */
  readonly probe: (group: ReplyGroup, callback: PublishCallback) => number | undefined;
  readonly isWaiting: (group: ReplyGroup) => boolean;
  /** Publishes each message of a group alone. Its own answers count no more. */
  readonly resend: (group: ReplyGroup) => void;
}

const silentMs = 1_000;
/** In one turn of the event loop. Each costs about 15 µs. */
const resentMessagesMax = 250;

/** Returns what a sweep calls for each group that has waited for `lateMs`, the oldest first. */
export function createLostGroups(
  options: LostGroupsOptions,
): (group: ReplyGroup, waitedMs: number) => void {
  const { resendWithinMs, probe, isWaiting, resend } = options;
  const lost: ReplyGroup[] = [];
  let isScheduled = false;

  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(resendSome);
  };
  const resendSome = (): void => {
    isScheduled = false;
    let messages = 0;
    while (lost.length > 0 && messages < resentMessagesMax) {
      const group = lost.shift()!;
      // It may be answered by now.
      if (!isWaiting(group)) continue;
      messages += group.callbacks.length;
      resend(group);
    }
    if (lost.length > 0) schedule();
  };

  const ask = (group: ReplyGroup): void => {
    const { lane } = group;
    lane.probedAt = performance.now();
    const token = probe(group, (ack, error) => {
      // The leader is there, and stores the first copy just now.
      if (error?.code === 'in_process') lane.answers += 1;
      if (ack === undefined || token === undefined) return;
      lane.answers += 1;
      if (!ack.duplicate) group.noteStored(ack.sequence);
      if (lane.storedToken < token) lane.storedToken = token;
    });
  };

  return (group, waitedMs) => {
    const { lane, block, token, isLost } = group;
    if (block === undefined || isLost || waitedMs > resendWithinMs) return;
    if (lane.storedToken > token) {
      group.isLost = true;
      lost.push(group);
      schedule();
    } else if (performance.now() - Math.max(lane.answeredAt, lane.probedAt) >= silentMs) ask(group);
  };
}
