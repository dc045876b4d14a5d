import type { Verdict } from '../event/verdict.ts';
import type { Rpc, VendorProtocol } from '../observability/metrics.ts';
import type { Failure } from './answer/failure.ts';
import type { IncomingBatch } from './decode/incoming-batch.ts';
import type { Exchange } from './exchange.ts';
import type { KeyInBody } from './intake/key-search/find-key.ts';

/** What a request asks for, and how it is written. */
export interface EndpointCall {
  /** Its label in the metrics. */
  readonly rpc: Rpc;
  /** The protocol, as the metrics and the header `Headgate-Door` name it. */
  readonly door: 'rest' | 'connect' | 'grpc' | 'grpc_web' | 'webhook' | VendorProtocol;
  readonly codec: 'json' | 'ndjson' | 'proto';
  readonly contentType: string;
}

/** How a protocol frames a request and its answer. Each method may throw a ServiceError. */
export interface Endpoint<Request = IncomingBatch, Result = readonly Verdict[]> {
  /** Where the body may have the write key (`IncomingBatch.inBody`) if the headers have none. */
  readonly keyInBody?: KeyInBody;
  /** The body is signed: nobody knows whose it is before `unpack` has verified it. */
  readonly isSigned?: true;
  /** What a body may take, as sent and as inflated, where that is less than the gate's limit. */
  readonly bytesMax?: number;
  /** Checks the headers. Returns how long the caller waits, in ms; undefined: it sets no deadline. */
  begin(exchange: Exchange, call: EndpointCall): number | undefined;
  /** The message in a body; a promise only where it has to be decompressed. */
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
