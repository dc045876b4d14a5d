import type { Producer } from '../intake/authenticate.ts';

/** What the request says about each of its events. */
export interface Arrival {
  readonly producer: Producer;
  readonly correlationId: string;
  /** Empty when the request had none. */
  readonly traceparent: string;
  readonly tracestate: string;
  /** The protocol: `rest`, `connect`, `grpc`, `grpc_web`, `webhook`, or a vendor's: `segment`. */
  readonly door: string;
  /** Of the bytes that `IncomingEvent.original` gives. */
  readonly contentType: string;
}
