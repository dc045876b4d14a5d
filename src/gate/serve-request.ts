import type { Verdict } from '../event/verdict.ts';
import type { Producer } from './intake/authenticate.ts';
import type { Endpoint, EndpointCall } from './endpoint.ts';
import { checkCharset, type Exchange } from './exchange.ts';
import type { GateContext } from './gate-context.ts';
import type { IncomingBatch } from './decode/incoming-batch.ts';
import { limitedSource, limitReached } from './limits/source-limiter.ts';
import { RequestEnding } from './request-ending.ts';
import { RequestIntake } from './request-intake.ts';

export type { Endpoint, EndpointCall, EndpointRow, SelectedEndpoint } from './endpoint.ts';

/** What is known of a request besides its message. */
export interface Caller {
  readonly exchange: Exchange;
  readonly call: EndpointCall;
  /** Undefined: the headers had no key, and `Endpoint.keyInBody` allows that. */
  readonly producer: Producer | undefined;
  /** How long the caller waits, in ms; undefined: it sets no deadline. */
  readonly timeoutMs: number | undefined;
  /** Of its message, inflated. */
  readonly messageBytes: number;
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

/** Accepts the events of a batch: the work of every endpoint for events. */
export const acceptBatch: RunRequest<IncomingBatch, readonly Verdict[]> = (
  context,
  batch,
  caller,
  succeed,
  fail,
) => {
  const { exchange, call, messageBytes } = caller;
  const { inBody } = batch;
  const keyHeaders =
    caller.producer === undefined
      ? { 'x-write-key': inBody?.writeKey ?? '' }
      : exchange.call.headers;
  const producer = caller.producer ?? context.authenticate(keyHeaders);
  // Only what has a limit may wait for it.
  const checkKey =
    producer.limits === undefined ? undefined : () => void context.authenticate(keyHeaders);
  const { correlationId, tracestate } = exchange;
  const traceparent = exchange.traceparent || (inBody?.traceparent ?? '');
  const arrival = {
    producer,
    correlationId,
    traceparent,
    tracestate,
    messageBytes,
    checkKey,
    ...call,
  };
  context.accept(batch, arrival, succeed, fail);
};

/**
 * Throws a ServiceError `limit_reached` if the source has nothing left of a limit. A small batch is
 * decoded nevertheless: then its delay is for as many events as it has.
 */
function refuseLimited(
  { limiter, signals }: GateContext,
  producer: Producer,
  call: EndpointCall,
  messageBytes: number,
): void {
  const limited = limitedSource(producer);
  if (limited === undefined || call.sendsOnce === true) return;
  const isSingle = call.rpc === 'Track';
  if (!isSingle && messageBytes < largeBytes) return;
  const refused = limiter.refusal(limited, isSingle ? 1 : undefined);
  if (refused !== undefined) throw limitReached(signals, limited, refused);
}

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
  const ending = new RequestEnding(context, exchange, call, endpoint);
  let timeoutMs: number | undefined;

  const onMessage = (message: Buffer): void => {
    if (message.length < largeBytes) decode(message);
    else context.turns.run(message.length, () => decode(message));
  };
  const decode = (message: Buffer): void => {
    if (ending.isEnded) return;
    const { producer } = intake;
    try {
      // The body may have arrived long after the key was accepted. This says why it no longer is.
      if (producer?.isEnded === true) context.authenticate(exchange.call.headers);
      // What would get nothing is not decoded: a source far beyond its limit costs others little.
      if (producer?.limits !== undefined && (run as unknown) === acceptBatch) {
        refuseLimited(context, producer, call, message.length);
      }
      const request = endpoint.decode(call, message, context.limits.batchEventsMax);
      ending.memory?.fix();
      const caller = { exchange, call, producer, timeoutMs, messageBytes: message.length };
      run(context, request, caller, ending.succeed, ending.fail);
    } catch (error) {
      ending.fail(error);
    }
  };
  const intake = new RequestIntake(context, exchange, endpoint, ending, onMessage);

  try {
    timeoutMs = endpoint.begin(exchange, call);
    checkCharset(exchange.call);
    intake.authenticate();
    if (timeoutMs !== undefined) ending.expireAfter(timeoutMs);
    if (!ending.isEnded) intake.readBody();
  } catch (error) {
    ending.fail(error);
  }
}
