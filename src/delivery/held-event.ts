import type { Delivery } from '../destinations/destination.ts';
import type { DeliveredStream } from '../event/delivery-attempt.ts';
import { decodeStoredEvent, type StoredEvent } from '../event/stored-event.ts';
import type { PulledMessage } from '../jetstream/consume/pull.ts';
import type { HeldRoom } from './receive/held-room.ts';

/** What an event occupies besides its payload, roughly: objects, headers and subjects. */
const overheadBytes = 1_024;
/** More events than any batch has. V8 keeps this number in its field, a larger one beside the object. */
const anyBatch = 2 ** 30;

/**
 * An event that a worker holds from the pull until it is settled, as the destination sees it.
 *
 * A class, because one is created for every event and V8 then lays its fields out once.
 */
export class HeldEvent implements Delivery {
  readonly message: PulledMessage;
  readonly stream: DeliveredStream;
  readonly sequence: number;
  /** The part that the destination may see; `message.payload` is the event as stored in the log. */
  payload: Uint8Array;
  /** Set it with `leave`. */
  settled = false;
  /** The event waited in RETRY or ASIDE, and `message` is its copy there. */
  isCopy = false;
  /** The event came by the lane of redelivered events. */
  isRedelivered = false;
  /** How many uncharged tries it had since the log delivered it from EVENTS. */
  tries = 0;
  /** The largest batch it may be in. Halved each time its whole batch fails, down to 1. */
  batchEventsMax = anyBatch;
  /**
   * The event was delivered so often that it may be crashing its worker. It runs alone, so that a
   * crash can be attributed to it.
   */
  exclusive = false;
  /** Why the payload is not an event; set by `event()`, which then throws. */
  undecodable: string | undefined = undefined;
  #event: (() => StoredEvent) | undefined = undefined;
  #decoded: StoredEvent | undefined = undefined;
  #room: HeldRoom | undefined;

  /** Occupies memory of `room` until it is settled or abandoned. */
  constructor(message: PulledMessage, stream: DeliveredStream, room?: HeldRoom) {
    this.#room = room;
    room?.hold(message.payload.length + overheadBytes);
    this.message = message;
    this.stream = stream;
    this.sequence = message.sequence;
    this.payload = message.payload;
  }

  /** A bound function, so that a destination may pass it on without the object. Made for those that ask for it. */
  get event(): () => StoredEvent {
    return (this.#event ??= () => (this.#decoded ??= this.#decode()));
  }

  /**
   * The number of the try. A delivery is not an attempt (docs/adr/0014-parking.md), so not charged.
   */
  get attempt(): number {
    return this.message.deliveries + this.tries;
  }

  /** For one that stays while most that came with it are not wanted: a few of them would keep all of that. */
  detach(): void {
    const { message } = this;
    message.detach?.();
    this.payload = message.payload;
  }

  /** Marks the event as settled; the worker holds it no longer. */
  leave(): void {
    this.settled = true;
    this.abandon();
  }

  /** Frees its memory, of an event that the worker holds no longer. */
  abandon(): void {
    this.#room?.free(this.message.payload.length + overheadBytes);
    this.#room = undefined;
  }

  #decode(): StoredEvent {
    try {
      return decodeStoredEvent(this.payload);
    } catch (error) {
      // V8's message quotes the text around the error, which may contain personal data.
      const text = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
      this.undecodable = `the payload is not a stored event: ${text}`;
      throw error;
    }
  }
}
