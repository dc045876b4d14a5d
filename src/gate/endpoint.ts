import type { Verdict } from '../event/verdict.ts';
import type { Rpc, VendorProtocol } from '../observability/metrics.ts';
import type { Failure } from './answer/failure.ts';
import type { IncomingBatch } from './decode/incoming-batch.ts';
import type { Exchange } from './exchange.ts';
import type { KeyInBody } from './intake/key-search/find-key.ts';

/** The call that a request makes, and the encoding of its body. */
export interface EndpointCall {
  /** Its label in the metrics. */
  readonly rpc: Rpc;
  /** The protocol, as the metrics and the header `Headgate-Door` name it. */
  readonly door: 'rest' | 'connect' | 'grpc' | 'grpc_web' | 'webhook' | VendorProtocol;
  readonly codec: 'json' | 'ndjson' | 'proto';
  readonly contentType: string;
  /** The query says that the events are imported. */
  readonly historical?: true;
  /** Its clients know one answer for a request: if one event is `retry`, they send all again. */
  readonly sendsAll?: true;
  /** Its clients send nothing a second time: a request waits a moment for the limit of its source. */
  readonly sendsOnce?: true;
}

/** How a protocol frames a request and its answer. Each method may throw a ServiceError. */
export interface Endpoint<Request = IncomingBatch, Result = readonly Verdict[]> {
  /** Where the body may hold the write key (`IncomingBatch.inBody`) if no header does. */
  readonly keyInBody?: KeyInBody;
  /** The body is signed: its sender is unknown until `unpack` has verified the signature. */
  readonly isSigned?: true;
  /** The limit of a body, as sent and as inflated, if it is below the gate's limit. */
  readonly bytesMax?: number;
  /** What stands around the message in a body. It does not count towards the limit. Default: 0. */
  readonly framingBytes?: number;
  /** Checks the headers. Returns the caller's deadline in ms, or undefined without one. */
  begin(exchange: Exchange, call: EndpointCall): number | undefined;
  /** The message in a body. A promise only if the body has to be decompressed. */
  unpack(exchange: Exchange, body: Buffer, bytesMax: number): Buffer | Promise<Buffer>;
  decode(call: EndpointCall, message: Buffer, batchEventsMax: number): Request;
  /** Sends the result. Returns the gRPC status code, for the metric. */
  answer(exchange: Exchange, call: EndpointCall, result: Result): number;
  /** Sends why there is no result. Returns the gRPC status code, too. */
  refuse(exchange: Exchange, call: EndpointCall, failure: Failure, error: unknown): number;
}

/** The endpoint that serves a request. */
export interface SelectedEndpoint {
  readonly endpoint: Endpoint;
  readonly call: EndpointCall;
}

/** A path with one endpoint. */
export type EndpointRow = readonly [path: string, endpoint: Endpoint, call: EndpointCall];
