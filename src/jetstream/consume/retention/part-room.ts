import type { StreamInfo } from '@nats-io/jetstream';

import { clientsOf } from '../../clients.ts';
import { infoOf, type StreamPart } from '../../events/stream-parts.ts';
import type { Log } from '../../log.ts';
import { closedBytesMax } from '../../server/partitions/closed-streams.ts';

/** The room that a part of EVENTS shares with others, or has to itself. */
export interface PartRoom {
  /** 0: none. */
  readonly bytesMax: number;
  /** What other parts hold in it. */
  readonly besideBytes: number;
}

type Sized = Pick<StreamInfo, 'state' | 'config'>;

/** Between 0 and 1, or a little more. */
export function fullness({ state }: Pick<Sized, 'state'>, room: PartRoom): number {
  return room.bytesMax > 0 ? (room.besideBytes + state.bytes) / room.bytesMax : 0;
}

/** How many bytes are too many for a share of the room. */
export function surplusOf({ state }: Pick<Sized, 'state'>, room: PartRoom, share: number): number {
  return room.besideBytes + state.bytes - room.bytesMax * share;
}

/** An open partition has what its stream may hold. */
export function openRoom({ config }: Pick<Sized, 'config'>): PartRoom {
  // One that was closed since its part was found takes nothing, and needs no room.
  return { bytesMax: config.max_bytes > closedBytesMax ? config.max_bytes : 0, besideBytes: 0 };
}

/** A closed part, with the room of all: the open ones have what the closed ones leave. */
export interface ClosedPart {
  readonly part: StreamPart;
  readonly room: PartRoom;
  readonly info: StreamInfo;
}

/** The closed parts that hold events, those with the oldest first. */
export async function closedRooms(log: Log, parts: readonly StreamPart[]): Promise<ClosedPart[]> {
  if (!parts.some(({ isClosed }) => isClosed)) return [];
  const { manager } = clientsOf(log);
  const found = await Promise.all(
    parts.map(async (part) => ({ part, info: await infoOf(manager, part.stream) })),
  );
  const openMax = found
    .filter(({ part }) => !part.isClosed)
    .map(({ info }) => (info === undefined ? 0 : openRoom(info).bytesMax));
  // While their number changes some are not made yet, or closed just now: how large the room will be is not known.
  if (openMax.length === 0 || openMax.includes(0)) return [];
  const closed = found.flatMap(({ part, info }) =>
    part.isClosed && info !== undefined ? [{ part, info }] : [],
  );
  const heldBytes = sum(found.map(({ info }) => info?.state.bytes ?? 0));
  const bytesMax = sum(openMax) + sum(closed.map(({ info }) => info.state.bytes));
  const startOf = ({ state }: StreamInfo): number => Date.parse(String(state.first_ts));
  return closed
    .filter(({ info }) => info.state.messages > 0)
    .toSorted((one, other) => startOf(one.info) - startOf(other.info))
    .map(({ part, info }) => ({
      part,
      info,
      room: { bytesMax, besideBytes: heldBytes - info.state.bytes },
    }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
