import type { Producer } from '../intake/authenticate.ts';

/** Through which gate events came, and when it took them. */
export interface Relayed {
  /** The source of its write key; with a slash and the name of the process if that was sent. */
  readonly relay: string;
  /** RFC 3339, UTC. */
  readonly takenAt: string;
  readonly takenAtMs: number;
}

/** What the request says about each of its events. */
export interface Arrival {
  readonly producer: Producer;
  readonly correlationId: string;
  /** Empty when the request had none. */
  readonly traceparent: string;
  readonly tracestate: string;
  /**
   * The protocol: `rest`, `connect`, `grpc`, `grpc_web`, `webhook`, or a vendor's: `segment`. `nats`: a
   * stream of the operator.
   */
  readonly door: string;
  /** The call: `Track` has one event. */
  readonly rpc: string;
  /** Of the bytes that `IncomingEvent.original` gives. */
  readonly contentType: string;
  /** Bytes of the message, inflated. Undefined: it came by no endpoint, and counts for no limit. */
  readonly messageBytes?: number;
  /** Set if another gate took the events before. */
  readonly relayed?: Relayed;
  /**
   * The same for every delivery of the same message, so that a rejected event of it is kept once.
   * Undefined: the sender decides what it sends again.
   */
  readonly deliveryId?: string;
  /** Throws why the key of the request is no longer valid: for what waited after it was checked. */
  readonly checkKey?: (() => void) | undefined;
  /** See `EndpointCall`. */
  readonly sendsAll?: true;
  readonly sendsOnce?: true;
}

/** The `door` of messages that were taken from a stream of NATS. */
export const natsDoor = 'nats';

/** These answer a rejected event of `Track` with an error. */
const protocolsWithErrors = new Set(['rest', 'connect', 'grpc', 'grpc_web', 'cloudevents']);

/**
 * Whether the sender of a rejected event gets an error. All other answers are a 2xx, or hold verdicts
 * that a sender may overlook.
 */
export function showsRefusal({ rpc, door }: Pick<Arrival, 'rpc' | 'door'>): boolean {
  return rpc === 'Track' && protocolsWithErrors.has(door);
}
