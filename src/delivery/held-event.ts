import type { Delivery } from '../destinations/destination.ts';
import type { DeliveredStream } from '../event/delivery-attempt.ts';
import { decodeStoredEvent, type StoredEvent } from '../event/stored-event.ts';
import type { PulledMessage } from '../jetstream/pull.ts';

/**
 * An event in a worker's hands, from the pull until it is settled; what the destination sees of it.
 *
 * A class, because one is made for every event: its fields are laid out once.
 */
export class HeldEvent implements Delivery {
  readonly message: PulledMessage;
  readonly stream: DeliveredStream;
  readonly sequence: number;
  readonly attempt: number;
  readonly payload: Uint8Array;
  readonly event: () => StoredEvent;
  settled = false;
  /** Why the payload is no event; set by `event()`, which then throws. */
  undecodable: string | undefined = undefined;
  #decoded: StoredEvent | undefined = undefined;

  constructor(message: PulledMessage, stream: DeliveredStream) {
    this.message = message;
    this.stream = stream;
    this.sequence = message.sequence;
    this.attempt = message.deliveries;
    this.payload = message.payload;
    // Bound, so that a destination may pass it on by itself.
    this.event = () => (this.#decoded ??= this.#decode());
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
