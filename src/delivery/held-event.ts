import type { Delivery } from '../destinations/destination.ts';
import type { DeliveredStream } from '../event/delivery-attempt.ts';
import { decodeStoredEvent, type StoredEvent } from '../event/stored-event.ts';
import type { PulledMessage } from '../jetstream/consume/pull.ts';

/**
 * An event that a worker holds, from the pull until it is settled; what the destination sees of it.
 *
 * A class, because one is made for every event: its fields are laid out once.
 */
export class HeldEvent implements Delivery {
  readonly message: PulledMessage;
  readonly stream: DeliveredStream;
  readonly sequence: number;
  /** What the destination may see of it; `message.payload` is what the log holds. */
  payload: Uint8Array;
  readonly event: () => StoredEvent;
  settled = false;
  /** It waited in RETRY: `message` is its copy there. */
  isDelayedCopy = false;
  /** How often it was tried without being charged, since the log handed it out from EVENTS. */
  tries = 0;
  /** Halved each time that a whole batch fails with it, down to a call of its own. */
  batchEventsMax = Number.MAX_SAFE_INTEGER;
  /**
   * Delivered so often that it may be what crashes its worker: nothing runs beside it, so that a crash
   * is caused by it.
   */
  exclusive = false;
  /** Why the payload is no event; set by `event()`, which then throws. */
  undecodable: string | undefined = undefined;
  #decoded: StoredEvent | undefined = undefined;

  constructor(message: PulledMessage, stream: DeliveredStream) {
    this.message = message;
    this.stream = stream;
    this.sequence = message.sequence;
    this.payload = message.payload;
    // Bound, so that a destination may pass it on by itself.
    this.event = () => (this.#decoded ??= this.#decode());
  }

  /** A delivery is no attempt (docs/adr/0014-parking.md): this numbers tries, and charges nothing. */
  get attempt(): number {
    return this.message.deliveries + this.tries;
  }

  #decode(): StoredEvent {
    try {
      return decodeStoredEvent(this.payload);
    } catch (error) {
      // V8 quotes the text around the fault, which may be anybody's data.
      const text = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
      this.undecodable = `the payload is not a stored event: ${text}`;
      throw error;
    }
  }
}
