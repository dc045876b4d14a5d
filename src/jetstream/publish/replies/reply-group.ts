import type { GroupCommit } from '../group-commit.ts';
import { callBack, readAck, storedSequence, type PublishCallback } from '../publish-ack.ts';
import { PublishError } from '../publish-error.ts';

export interface StreamOptions {
  /** If given, callbacks wait until the message is synced to disk. */
  readonly commit?: GroupCommit | undefined;
  /**
   * The stream recognizes repeated message ids, and its messages never expect a sequence. So its
   * messages may share reply subjects.
   */
  readonly dedups: boolean;
}

/** The publisher's state for one stream. */
export interface Lane extends StreamOptions {
  /** The group of its messages in the current block. */
  open: ReplyGroup | undefined;
  /** Answers so far, and how many there were at the last `look`. */
  answers: number;
  seenAnswers: number;
  /** The last `look` that found another answer: `performance.now()`. */
  answeredAt: number;
  /** Everything that was sent before this group and waits will not be answered: lost-groups.ts. */
  storedToken: number;
  /** When a message was last sent again to find out: `performance.now()`. */
  probedAt: number;
}

/** Bytes that are kept until all groups with messages in them are answered. */
export interface RetainedBlock {
  readonly bytes: Uint8Array;
  groups: number;
}

/** A stream of which nothing was sent yet. */
export function newLane(stream: StreamOptions): Lane {
  return {
    ...stream,
    open: undefined,
    answers: 0,
    seenAnswers: 0,
    answeredAt: 0,
    storedToken: 0,
    probedAt: 0,
  };
}

/**
 * Messages for one stream that share a reply subject, and their answers.
 *
 * nats-server looks up and caches each new subject, and evicts it again. With one reply subject per
 * message this takes a sixth of nats-server's cost of a message (docs/understand/hot-path.md).
 *
 * An acknowledgement does not name its message, so a group counts: if it receives as many different
 * sequences as it has messages, and no other answer, each message is stored, because a message gets
 * at most one sequence. NATS stores the messages of one connection in order
 * (https://docs.nats.io/nats-concepts/jetstream: per publisher), so the sequences in ascending
 * order belong to the messages in order.
 *
 * After any other answer (a duplicate, an error, a repeated sequence) it is unknown which message
 * it belongs to. The caller then publishes each message again by itself, which is safe because each
 * has a message id.
 */
export class ReplyGroup {
  /** The end of its reply subject. Tokens are never reused. */
  readonly token: number;
  readonly lane: Lane;
  /** `performance.now()` */
  readonly deadline: number;
  readonly callbacks: PublishCallback[] = [];
  /** The block with its messages, to publish them again. Undefined where nothing is kept. */
  block: RetainedBlock | undefined;
  /** What is missing will not be answered: its messages are published again. */
  isLost = false;
  private readonly sequences: number[] = [];
  private readonly others: number[] = [];
  private lastSequence = 0;
  private answerCount = 0;
  /** The latest answer that does not acknowledge a new message, and how often it came in a row. */
  private other: ReturnType<typeof readAck> | undefined;
  private otherCount = 0;

  constructor(token: number, lane: Lane, deadline: number) {
    this.token = token;
    this.lane = lane;
    this.deadline = deadline;
  }

  /** Adds an answer. True if it was the last one. */
  answer(bytes: Uint8Array, start: number, end: number): boolean {
    this.answerCount += 1;
    const sequence = storedSequence(bytes, start, end);
    if (sequence > this.lastSequence) {
      this.lastSequence = sequence;
      this.sequences.push(sequence);
      if (this.lane.storedToken < this.token) this.lane.storedToken = this.token;
    } else this.addOther(readAck(bytes, start, end));
    return this.answerCount >= this.callbacks.length;
  }

  private addOther(answer: ReturnType<typeof readAck>): void {
    const { other } = this;
    const isRepeated =
      answer instanceof PublishError && other instanceof PublishError && answer.code === other.code;
    this.otherCount = isRepeated ? this.otherCount + 1 : 1;
    this.other = answer;
  }

  /** Calls each callback with its outcome. False if the answers do not determine the outcomes. */
  finish(): boolean {
    const { callbacks, sequences, other } = this;
    if (sequences.length === callbacks.length) {
      for (let at = 0; at < callbacks.length; at += 1) {
        this.acknowledge(callbacks[at]!, { sequence: sequences[at]!, duplicate: false });
      }
      return true;
    }
    // All messages failed with the same error, so their order does not matter.
    if (other instanceof PublishError && this.otherCount === callbacks.length) {
      this.fail(other);
      return true;
    }
    if (callbacks.length > 1 || other === undefined || other instanceof PublishError) return false;
    this.acknowledge(callbacks[0]!, other);
    return true;
  }

  private acknowledge(
    callback: PublishCallback,
    ack: { sequence: number; duplicate: boolean },
  ): void {
    const { commit } = this.lane;
    if (commit === undefined) callBack(callback, ack, undefined);
    else commit.join(callback, ack);
  }

  fail(error: PublishError): void {
    for (const callback of this.callbacks) callBack(callback, undefined, error);
  }

  /** A copy of one of its messages was stored. */
  noteStored(sequence: number): void {
    this.others.push(sequence);
  }

  /** The sequences of the messages that this group stored. */
  stored(): Set<number> {
    return new Set([...this.sequences, ...this.others]);
  }
}
