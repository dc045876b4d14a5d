import type { GroupCommit } from './group-commit.ts';
import type { OutgoingMessage } from './raw-publish.ts';
import type { ReplyGroup } from './reply-group.ts';

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
}

/** Assigns messages to groups: the messages of one stream in one block share a reply subject. */
export interface SharedReplies {
  addLane(stream: StreamOptions): Lane;
  /**
   * The group for a message that is sent: the open group of its stream, a new one, or a group of its own.
   */
  groupFor(lane: Lane, message: OutgoingMessage): ReplyGroup;
  /** Call it when a block is complete; with undefined if the block will never be sent. */
  endBlock(block: Uint8Array | undefined): void;
  /** Call it when a group has its answers or has failed. */
  release(group: ReplyGroup): void;
}

/** The start of a header block that has a message id. */
export const idHeader = 'NATS/1.0\r\nNats-Msg-Id: ';

/**
 * `retainedBytesMax` limits the bytes that are kept to publish messages again. Beyond it each
 * message has its own reply subject and is not kept.
 */
export function createSharedReplies(
  retainedBytesMax: number,
  openGroup: (commit: GroupCommit | undefined) => ReplyGroup,
): SharedReplies {
  const lanes: Lane[] = [];
  let retainedBytes = 0;
  return {
    addLane: (stream) => {
      const lane: Lane = { ...stream, open: undefined };
      // Only these streams ever have an open group.
      if (stream.dedups) lanes.push(lane);
      return lane;
    },
    groupFor: (lane, { headers, payload }) => {
      lane.commit?.sent();
      const mayShare =
        lane.dedups &&
        retainedBytes < retainedBytesMax &&
        headers.startsWith(idHeader) &&
        // A payload of bytes is a block of its own.
        typeof payload === 'string';
      if (!mayShare) return openGroup(lane.commit);
      lane.open ??= openGroup(lane.commit);
      return lane.open;
    },
    endBlock: (block) => {
      const kept: ReplyGroup[] = [];
      for (const lane of lanes) {
        const group = lane.open;
        lane.open = undefined;
        if (block === undefined || group === undefined || group.callbacks.length === 1) continue;
        group.block = block;
        kept.push(group);
      }
      // Groups of several partitions share the block.
      for (const group of kept) {
        group.retainedBytes = block!.length / kept.length;
        retainedBytes += group.retainedBytes;
      }
    },
    release: (group) => {
      // Its block is not sent yet if the process stood still for longer than it waits: no message joins it any more.
      for (const lane of lanes) if (lane.open === group) lane.open = undefined;
      group.commit?.settled(group.callbacks.length);
      retainedBytes -= group.retainedBytes;
    },
  };
}
