import { delivered, type Delivery, type Outcome } from '../../destination.ts';
import { readPayloadHead, type PayloadHead } from '../../payload-bytes/payload-head.ts';
import { createPayloadPlaces, placeOf } from '../../payload-bytes/payload-places.ts';
import { readTypedPayload, type NamedEvent, type PayloadEvent } from '../../tables/event-row.ts';

const decoder = new TextDecoder();
const idAt = placeOf('eventId');

/** Bytes of a payload, or of another text. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A delivery, and what was read of its payload. */
export class ReadDelivery {
  readonly payload: Uint8Array;
  readonly sequence: number;
  /** Undefined if the event has to be read as values. */
  readonly head: PayloadHead | undefined;
  private values: PayloadEvent | string | undefined;

  constructor({ payload, sequence }: Delivery, head: PayloadHead | undefined) {
    this.payload = payload;
    this.sequence = sequence;
    this.head = head;
  }

  text(): string {
    return decoder.decode(this.payload);
  }

  /** The event with all digits, or the reason why it can never be a row of a table of events. */
  event(): PayloadEvent | string {
    return (this.values ??= readTypedPayload(this.text()));
  }

  /** Of an event that has no reason against it. */
  named(): NamedEvent {
    return this.head ?? (this.event() as PayloadEvent);
  }

  eventId(): string {
    const { bytes, start, end } = this.idPlace();
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  }

  idPlace(): Piece {
    if (this.head === undefined) {
      const bytes = Buffer.from((this.event() as PayloadEvent).eventId);
      return { bytes, start: 0, end: bytes.length };
    }
    const { bytes, places, base } = this.head;
    return { bytes, start: places.places[base + idAt]!, end: places.places[base + idAt + 1]! };
  }

  /** Whether its values were read, and cannot be a row. */
  isDead(): boolean {
    return typeof this.values === 'string';
  }

  /** Once the others of its batch are stored. */
  outcome(): Outcome {
    const { values } = this;
    return typeof values === 'string' ? { kind: 'dead', reason: values } : delivered;
  }
}

/** @param isTyped whether a table of events takes them. */
export function readDeliveries(batch: readonly Delivery[], isTyped: boolean): ReadDelivery[] {
  if (!isTyped) return batch.map((delivery) => new ReadDelivery(delivery, undefined));
  const places = createPayloadPlaces(batch.length);
  return batch.map((delivery, index) => {
    const head = readPayloadHead(places, delivery, index);
    const read = new ReadDelivery(delivery, head);
    // Now, so that a dead one has no part in what follows.
    if (head === undefined) read.event();
    return read;
  });
}
