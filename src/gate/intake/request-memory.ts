import { ServiceError } from '../../errors.ts';
import type { CallerConnection, HttpCall } from '../../http/http-call.ts';
import type { Producer } from './authenticate.ts';
import { CallerGone } from './caller-gone.ts';
import type { MemoryRoom, Tenant } from './memory-room.ts';

/** The memory of a request besides its bytes: our objects, and buffers of its connection. */
export const overheadBytes = 4 * 1024;

/** The parts of the budgets that a request needs. */
export interface MemoryHost {
  addressOf(call: Pick<HttpCall, 'connection' | 'headers'>): string;
  /** The owner of a keyed request in the division of memory. */
  groupOf(producer: Producer, address: string): string;
  /** The room for a request that holds this many bytes. */
  roomFor(isKeyed: boolean, bytes: number): MemoryRoom;
}

/**
 * The memory that one request holds, in the room for its kind and size, until it is over. A request whose body
 * is small and arrives at once needs none.
 */
export class RequestMemory implements Tenant {
  group: string;
  readonly address: string;
  readonly connection: CallerConnection;
  isFixed = false;
  bytesHeld = 0;
  heldSince = 0;
  /** Stops the work in progress. Called when the request ends or its caller disconnects. */
  stopWork: (() => void) | undefined = undefined;
  private readonly host: MemoryHost;
  private readonly onLost: (error: Error) => void;
  private isKeyed: boolean;
  private room: MemoryRoom | undefined = undefined;
  private isOver = false;

  /**
   * `producer`: undefined while the key is not known. `onLost` gets the reason if the request cannot go on: its
   * memory is needed for others (`overloaded`), or its caller disconnected during work (CallerGone).
   */
  constructor(
    host: MemoryHost,
    call: HttpCall,
    producer: Producer | undefined,
    onLost: (error: Error) => void,
  ) {
    this.host = host;
    this.connection = call.connection;
    this.address = host.addressOf(call);
    this.isKeyed = producer !== undefined;
    this.group = producer === undefined ? this.address : host.groupOf(producer, this.address);
    this.onLost = onLost;
    call.whenAnswered(() => {
      if (this.stopWork === undefined) this.release();
      else this.lose(new CallerGone());
    });
  }

  /** Adds to what the request holds. Returns false if there is no room; `onLost` has been called then. */
  add(bytes: number): boolean {
    if (this.isOver) return false;
    return this.hold(this.bytesHeld + bytes + (this.room === undefined ? overheadBytes : 0));
  }

  /** The key was found: from now on the memory counts as keyed. */
  becomeKeyed(producer: Producer): void {
    if (this.isKeyed) return;
    const { bytesHeld, room } = this;
    this.isKeyed = true;
    this.leaveRoom();
    this.group = this.host.groupOf(producer, this.address);
    if (room !== undefined && !this.isOver) this.hold(bytesHeld);
  }

  /** Its events are on their way to the log, so it is no longer evicted. */
  fix(): void {
    this.isFixed = true;
  }

  evict(): void {
    this.room = undefined;
    this.lose(overloaded());
  }

  /** The request has ended. */
  release(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.leaveRoom();
    const { stopWork } = this;
    this.stopWork = undefined;
    stopWork?.();
  }

  private hold(bytes: number): boolean {
    const room = this.host.roomFor(this.isKeyed, bytes);
    const { heldSince } = this;
    const isMove = room !== this.room;
    const added = isMove ? bytes : bytes - this.bytesHeld;
    if (isMove) this.leaveRoom();
    this.room = room;
    if (!room.add(this, added)) {
      this.evict();
      return false;
    }
    // A request keeps its age in the new room.
    if (isMove && heldSince > 0) this.heldSince = heldSince;
    return true;
  }

  private leaveRoom(): void {
    this.room?.leave(this);
    this.room = undefined;
  }

  private lose(error: Error): void {
    if (this.isOver) return;
    this.release();
    this.onLost(error);
  }
}

/** The answer to a request whose memory others need, or whose turn does not come. */
export function overloaded(): ServiceError {
  const text = 'Too many large requests are being read at once.';
  return new ServiceError('overloaded', text, { retryAfterMs: 1000 });
}
