import { numberIn } from '../../event/digits.ts';
import type { Delivery } from '../destination.ts';
import { baseOf, placeOf, type PayloadPlaces } from './payload-places.ts';

const nameAt = placeOf('eventName');
const timestampAt = placeOf('timestamp');
const versionAt = placeOf('schemaVersion');

/** What of a delivery makes a row. */
export type HeadDelivery = Pick<Delivery, 'payload' | 'sequence'>;

/** What decides where the row of an event goes, read from the beginning of its payload. */
export class PayloadHead<Of extends HeadDelivery = Delivery> {
  readonly delivery: Of;
  /** In its batch. */
  readonly index: number;
  readonly bytes: Buffer;
  readonly places: PayloadPlaces;
  readonly base: number;
  readonly eventName: string;
  /** 0 without one. */
  readonly schemaVersion: number;

  constructor(
    delivery: Of,
    index: number,
    bytes: Buffer,
    { places, base }: { readonly places: PayloadPlaces; readonly base: number },
  ) {
    this.delivery = delivery;
    this.index = index;
    this.bytes = bytes;
    this.places = places;
    this.base = base;
    this.eventName = nameIn(bytes, this.#start(nameAt), this.#end(nameAt));
    this.schemaVersion = numberIn(bytes, this.#start(versionAt), this.#end(versionAt));
  }

  get timestamp(): string {
    return this.bytes.toString('latin1', this.#start(timestampAt), this.#end(timestampAt));
  }

  get sequence(): number {
    return this.delivery.sequence;
  }

  #start(member: number): number {
    return this.places.places[this.base + member]!;
  }

  #end(member: number): number {
    return this.places.places[this.base + member + 1]!;
  }
}

/**
 * Reads the head of a payload. Undefined if the event has to be read as values.
 *
 * @param index of the event in its batch.
 * @param at which of the payloads that `places` holds at once.
 */
export function readPayloadHead<Of extends HeadDelivery>(
  places: PayloadPlaces,
  delivery: Of,
  index: number,
  at = index,
): PayloadHead<Of> | undefined {
  const { payload } = delivery;
  const { buffer, byteOffset, byteLength } = payload;
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(buffer, byteOffset, byteLength);
  const base = baseOf(at);
  if (!places.readHead(bytes, base)) return undefined;
  return new PayloadHead(delivery, index, bytes, { places, base });
}

/** The name that was read last: the next event often has the same. */
let lastName = '';
let lastBytes: Buffer = Buffer.alloc(0);

function nameIn(bytes: Buffer, start: number, end: number): string {
  if (bytes.compare(lastBytes, 0, lastBytes.length, start, end) !== 0) {
    lastName = bytes.toString('utf8', start, end);
    lastBytes = Buffer.from(lastName);
  }
  return lastName;
}
