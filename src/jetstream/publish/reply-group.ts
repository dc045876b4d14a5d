import type { GroupCommit } from './group-commit.ts';
import { readAck, storedSequence, type PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';

/**
 * Messages for one stream that share a reply subject, and their answers.
 *
 * nats-server looks up each subject that it has not seen lately, keeps it, and throws it away again:
 * with a reply subject for each message that is a sixth of what a message costs it
 * (docs/understand/hot-path.md). Nothing in an acknowledgement says which message it is for, so a shared
 * subject may count only: as many different sequences as there are messages, and nothing else, mean
 * that each message is stored, because a message gets one sequence at most. One connection's messages
 * are stored in their order (https://docs.nats.io/nats-concepts/jetstream: per publisher), so the
 * sequences in theirs say which is whose.
 *
 * Anything else (a duplicate, an error, the same sequence again) leaves open which message it is
 * about. Such a group is asked again message by message, which is safe because each has a message id.
 */
export class ReplyGroup {
  /** What its reply subject ends in; never used again. */
  readonly token: number;
  readonly commit: GroupCommit | undefined;
  /** `performance.now()` */
  readonly deadline: number;
  readonly callbacks: PublishCallback[] = [];
  /** The block that its messages lie in, to ask again; none for a message alone. */
  block: Uint8Array | undefined;
  private readonly sequences: number[] = [];
  private lastSequence = 0;
  private answers = 0;
  /** The latest answer that is no fresh acknowledgement, and how often it was repeated. */
  private other: ReturnType<typeof readAck> | undefined;
  private alike = 0;

  constructor(token: number, commit: GroupCommit | undefined, deadline: number) {
    this.token = token;
    this.commit = commit;
    this.deadline = deadline;
  }

  /** Takes one answer. True: that was the last. */
  answer(bytes: Uint8Array, start: number, end: number): boolean {
    this.answers += 1;
    const sequence = storedSequence(bytes, start, end);
    if (sequence > this.lastSequence) {
      this.lastSequence = sequence;
      this.sequences.push(sequence);
    } else this.note(readAck(bytes, start, end));
    return this.answers >= this.callbacks.length;
  }

  private note(answer: ReturnType<typeof readAck>): void {
    const { other } = this;
    const isAlike =
      answer instanceof PublishError &&
      other instanceof PublishError &&
      answer.fault === other.fault;
    this.alike = isAlike ? this.alike + 1 : 1;
    this.other = answer;
  }

  /** Calls each callback with the outcome of its message. False: the answers leave the outcomes open. */
  finish(): boolean {
    const { callbacks, sequences, other } = this;
    if (sequences.length === callbacks.length) {
      for (let at = 0; at < callbacks.length; at += 1) {
        this.pass(callbacks[at]!, { sequence: sequences[at]!, duplicate: false });
      }
      return true;
    }
    // No message was stored, so it does not matter which answer is whose.
    if (other instanceof PublishError && this.alike === callbacks.length) {
      this.fail(other);
      return true;
    }
    if (callbacks.length > 1 || other === undefined || other instanceof PublishError) return false;
    this.pass(callbacks[0]!, other);
    return true;
  }

  private pass(callback: PublishCallback, ack: { sequence: number; duplicate: boolean }): void {
    if (this.commit === undefined) callback(ack, undefined);
    else this.commit.join(callback, ack);
  }

  fail(error: PublishError): void {
    for (const callback of this.callbacks) callback(undefined, error);
  }

  /** The sequences of those messages that were stored now. */
  stored(): Set<number> {
    return new Set(this.sequences);
  }
}
