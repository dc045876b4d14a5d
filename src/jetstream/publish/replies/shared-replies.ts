import type { OutgoingMessage } from '../raw-publish.ts';
import { newLane, type Lane, type ReplyGroup, type StreamOptions } from './reply-group.ts';

/** Assigns messages to groups: the messages of one stream in one block share a reply subject. */
export interface SharedReplies {
  addLane(stream: StreamOptions): Lane;
  /**
   * The group for a message that is sent: the open group of its stream, a new one, or a group of its own.
   */
  groupFor(lane: Lane, message: OutgoingMessage): ReplyGroup;
  /** Call it when a block is complete; with undefined if the block will never be sent. */
  endBlock(block: Uint8Array | undefined): void;
  /** Notices which streams have answered since the last call. */
  look(): void;
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
  openGroup: (lane: Lane) => ReplyGroup,
): SharedReplies {
  const lanes: Lane[] = [];
  let retainedBytes = 0;
  return {
    addLane: (stream) => {
      const lane = newLane(stream);
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
      if (!mayShare) return openGroup(lane);
      lane.open ??= openGroup(lane);
      return lane.open;
    },
    endBlock: (block) => {
      const kept: ReplyGroup[] = [];
      for (const lane of lanes) {
        const group = lane.open;
        lane.open = undefined;
        if (block !== undefined && group !== undefined) kept.push(group);
      }
      if (block === undefined || kept.length === 0) return;
      // Groups of several partitions share the block.
      const retained = { bytes: block, groups: kept.length };
      for (const group of kept) group.block = retained;
      retainedBytes += block.length;
    },
    look: () => {
      const now = performance.now();
      for (const lane of lanes) {
        if (lane.answers === lane.seenAnswers) continue;
        lane.seenAnswers = lane.answers;
        lane.answeredAt = now;
      }
    },
    release: (group) => {
      // Its block is not sent yet if the process stood still for longer than it waits: no message joins it any more.
      for (const lane of lanes) if (lane.open === group) lane.open = undefined;
      group.lane.commit?.settled(group.callbacks.length);
      const { block } = group;
      if (block === undefined) return;
      block.groups -= 1;
      if (block.groups === 0) retainedBytes -= block.bytes.length;
    },
  };
}
