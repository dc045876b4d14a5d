import { ServiceError } from '../errors.ts';
import type { Verdict } from '../event/verdict.ts';
import type { VendorProtocol, Rpc } from '../observability/metrics.ts';
import { presentedKey, type Producer } from './intake/authenticate.ts';
import { checkCharset, type Exchange } from './exchange.ts';
import { failureOfError, type Failure } from './answer/failure.ts';
import type { GateContext } from './gate-context.ts';
import type { IncomingBatch } from './decode/incoming-batch.ts';
import { CallerGone } from './intake/read-body.ts';

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
  /** The body may have the write key (`IncomingBatch.inBody`) where the headers have none. */
  readonly keyInBody?: true;
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

/** What is known of a request besides its message. */
export interface Caller {
  readonly exchange: Exchange;
  readonly call: EndpointCall;
  /** Undefined: the headers had no key, and `Endpoint.keyInBody` allows that. */
  readonly producer: Producer | undefined;
  /** How long the caller waits, in ms; undefined: it sets no deadline. */
  readonly timeoutMs: number | undefined;
}

/** Does what a request asks for. Throws, or calls `succeed` or `fail`, once. */
export type RunRequest<Request, Result> = (
  context: GateContext,
  request: Request,
  caller: Caller,
  succeed: (result: Result) => void,
  fail: (error: unknown) => void,
) => void;

/** Smaller messages are decoded at once: a turn has too few of them to matter. */
const largeBytes = 16 * 1024;

const canceled = 1;
const timerMsMax = 2 ** 31 - 1;

/** Accepts the events of a batch: the work of every endpoint for events. */
export const acceptBatch: RunRequest<IncomingBatch, readonly Verdict[]> = (
  context,
  batch,
  caller,
  succeed,
  fail,
) => {
  const { exchange, call } = caller;
  const { inBody } = batch;
  const producer =
    caller.producer ?? context.authenticate({ 'x-write-key': inBody?.writeKey ?? '' });
  const { correlationId, tracestate } = exchange;
  const traceparent = exchange.traceparent || (inBody?.traceparent ?? '');
  const arrival = { producer, correlationId, traceparent, tracestate, ...call };
  context.accept(batch, arrival, succeed, fail);
};

/** Serves one request of an endpoint for events. */
export function serveRequest(
  context: GateContext,
  exchange: Exchange,
  endpoint: Endpoint,
  call: EndpointCall,
): void {
  serveUnary(context, exchange, endpoint, call, acceptBatch);
}

/**
 * Serves one request: headers, key, body, message, work, answer.
 *
 * Callbacks rather than async functions: each of those makes a promise and a generator, and five of
 * them a request cost 3 µs of the 30 that a single call has (docs/understand/hot-path.md).
 */
export function serveUnary<Request, Result>(
  context: GateContext,
  exchange: Exchange,
  endpoint: Endpoint<Request, Result>,
  call: EndpointCall,
  run: RunRequest<Request, Result>,
): void {
  const ending = createEnding(context, exchange, endpoint, call);
  const { fail } = ending;
  let producer: Producer | undefined;
  let timeoutMs: number | undefined;

  const onMessage = (message: Buffer): void => {
    if (message.length < largeBytes) decode(message);
    else context.turns.run(message.length, () => decode(message));
  };
  const decode = (message: Buffer): void => {
    if (ending.isEnded()) return;
    try {
      const request = endpoint.decode(call, message, context.limits.batchEventsMax);
      run(context, request, { exchange, call, producer, timeoutMs }, ending.succeed, fail);
    } catch (error) {
      fail(error);
    }
  };
  const onBody = (body: Buffer): void => {
    try {
      const message = endpoint.unpack(exchange, body, context.limits.requestBytesMax);
      if (message instanceof Promise) message.then(onMessage, fail);
      else onMessage(message);
    } catch (error) {
      fail(error);
    }
  };

  try {
    timeoutMs = endpoint.begin(exchange, call);
    checkCharset(exchange.call);
    // The key comes before the body: a body without a valid key is not read.
    const { headers } = exchange.call;
    if (endpoint.keyInBody !== true || presentedKey(headers) !== '') {
      producer = context.authenticate(headers);
    }
    if (timeoutMs !== undefined) ending.expireAfter(timeoutMs);
    if (!ending.isEnded()) context.bodies.read(exchange.call, onBody, fail);
  } catch (error) {
    fail(error);
  }
}

/** How one request ends: once, by whatever comes first. */
interface Ending<Result> {
  readonly succeed: (result: Result) => void;
  readonly fail: (error: unknown) => void;
  readonly expireAfter: (timeoutMs: number) => void;
  readonly isEnded: () => boolean;
}

function createEnding<Request, Result>(
  context: GateContext,
  exchange: Exchange,
  endpoint: Endpoint<Request, Result>,
  call: EndpointCall,
): Ending<Result> {
  const { signals } = context;
  let over = false;
  let timer: NodeJS.Timeout | undefined;

  const end = (status: number): void => {
    over = true;
    if (timer !== undefined) clearTimeout(timer);
    const seconds = (performance.now() - exchange.startedAt) / 1000;
    signals.requestAnswered(call.rpc, call.door, status, seconds);
  };
  const fail = (error: unknown): void => {
    if (over) return;
    if (error instanceof CallerGone) {
      end(canceled);
      return;
    }
    const failure = failureOfError(error);
    signals.requestFailed(failure.code, exchange.correlationId, error as Error);
    end(endpoint.refuse(exchange, call, failure, error));
  };
  return {
    fail,
    succeed: (result) => {
      // A caller whose deadline has passed has its answer; the events are stored nevertheless.
      if (over) return;
      try {
        end(endpoint.answer(exchange, call, result));
      } catch (error) {
        fail(error);
      }
    },
    expireAfter: (timeoutMs) => {
      const expire = (): void =>
        fail(new ServiceError('deadline_exceeded', 'the operation timed out'));
      if (timeoutMs < 1) expire();
      else timer = setTimeout(expire, Math.min(timeoutMs, timerMsMax));
    },
    isEnded: () => over,
  };
}
