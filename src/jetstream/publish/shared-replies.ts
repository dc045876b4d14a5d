import type { GroupCommit } from './group-commit.ts';
import type { OutgoingMessage } from './raw-publish.ts';
import type { ReplyGroup } from './reply-group.ts';

export interface StreamOptions {
  /** With it a callback waits until the disk has the message too. */
  readonly commit?: GroupCommit | undefined;
  /**
   * The stream knows a message that comes again by its id, and no message of it names a sequence that
   * it expects: its messages may share reply subjects.
   */
  readonly dedups: boolean;
}

/** A stream as its publisher sees it. */
export interface Lane extends StreamOptions {
  /** Whose messages are in the block that is being filled. */
  open: ReplyGroup | undefined;
}

/** Which messages share a reply subject: those of one stream in one block. */
export interface SharedReplies {
  addLane(stream: StreamOptions): Lane;
  /** The group that a message belongs to: an open one, a new one, or one of its own. */
  groupFor(lane: Lane, message: OutgoingMessage): ReplyGroup;
  /** The block is full or its turn is over; undefined: it will never be sent. */
  endBlock(block: Uint8Array | undefined): void;
  /** A group has its answers, or will have none. */
  leave(group: ReplyGroup): void;
}

/** Where a message's own id stands, if it has one. */
const idHeader = 'NATS/1.0\r\nNats-Msg-Id: ';

/**
 * `heldBytesMax` bounds what is kept to ask again. Beyond it each message has a reply subject of its
 * own, and nothing of it is kept.
 */
export function createSharedReplies(
  heldBytesMax: number,
  openGroup: (commit: GroupCommit | undefined) => ReplyGroup,
): SharedReplies {
  const lanes: Lane[] = [];
  let heldBytes = 0;
  return {
    addLane: (stream) => {
      const lane: Lane = { ...stream, open: undefined };
      // The others never have an open group.
      if (stream.dedups) lanes.push(lane);
      return lane;
    },
    groupFor: (lane, { headers, payload }) => {
      const mayShare =
        lane.dedups &&
        heldBytes < heldBytesMax &&
        headers.startsWith(idHeader) &&
        // Bytes are a block of their own.
        typeof payload === 'string';
      if (!mayShare) return openGroup(lane.commit);
      lane.open ??= openGroup(lane.commit);
      return lane.open;
    },
    endBlock: (block) => {
      for (const lane of lanes) {
        const group = lane.open;
        lane.open = undefined;
        if (block === undefined || group === undefined || group.callbacks.length === 1) continue;
        group.block = block;
        heldBytes += block.length;
      }
    },
    leave: (group) => {
      heldBytes -= group.block?.length ?? 0;
    },
  };
}
