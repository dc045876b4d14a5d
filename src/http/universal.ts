import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  type HandlerContext,
} from '@connectrpc/connect';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';

import { cutOffWhenAnswered, type BodySink, type HttpCall } from './http-call.ts';

export interface UniversalOptions extends ConnectRouterOptions {
  /**
   * The time from a request's headers to the end of its body, in which a stream of requests has to
   * end, too. Undefined: the endpoint in front has one.
   */
  readonly bodyTimeoutMs?: number | undefined;
}

export interface UniversalEndpoint {
  /** Whether the path names an RPC. */
  has(path: string): boolean;
  /**
   * Serves a call by the RPC that `path` names, and sets `correlationId` on the answer. Returns
   * false if the RPC does not exist; the call is then untouched. The RPC's context has `values`.
   */
  serve(call: HttpCall, correlationId: string, path: string, values?: ContextValues): boolean;
}

/**
 * Runs the library's RPC handlers on our own calls. Supports Connect, gRPC and gRPC-Web, streams in
 * both directions, and both versions of HTTP. The hot RPCs have their own endpoints: gate/rpc/.
 */
export function createUniversalEndpoint(
  routes: (router: ConnectRouter) => void,
  { bodyTimeoutMs, ...options }: UniversalOptions,
): UniversalEndpoint {
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    ...options,
  });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return {
    has: (path) => handlers.has(path),
    serve: (call, correlationId, path, values = createContextValues()) => {
      const handler = handlers.get(path);
      if (handler === undefined) return false;
      void serve(handler, call, { correlationId, bodyTimeoutMs, values });
      return true;
    },
  };
}

const callKey = createContextKey<HttpCall | undefined>(undefined);

/** The call that a handler serves. */
export function callOf({ values }: Pick<HandlerContext, 'values'>): HttpCall {
  return values.get(callKey)!;
}

interface Served {
  readonly correlationId: string;
  readonly bodyTimeoutMs: number | undefined;
  readonly values: ContextValues;
}

async function serve(
  handler: UniversalHandler,
  call: HttpCall,
  { correlationId, bodyTimeoutMs, values }: Served,
): Promise<void> {
  const controller = new AbortController();
  // Also runs after a complete answer, to end the work that the handler left running.
  call.whenAnswered(() => controller.abort(callerGone()));
  const answer = call.open();
  try {
    const response = await handler({
      httpVersion: call.httpVersionMajor === 2 ? '2.0' : '1.1',
      method: call.method,
      url: urlOf(call),
      header: webHeaders(call),
      body: new CallBody(call, bodyTimeoutMs),
      contextValues: values.set(callKey, call),
      signal: controller.signal,
    });
    cutOffWhenAnswered(call);
    await sendResponse(await blameCaller(response), correlationId);
  } catch (error) {
    // The library answers its handlers' errors itself. The only remaining error is a caller that no
    // longer takes the answer.
    if (!(error instanceof ConnectError)) process.emitWarning(error as Error);
    answer.cut();
  }

  async function sendResponse(
    { body, status, header, trailer }: UniversalServerResponse,
    id: string,
  ): Promise<void> {
    const headers = { ...plainHeaders(header), 'x-correlation-id': id };
    const parts = body?.[Symbol.asyncIterator]();
    try {
      // Before the headers, because a handler may set them until its first message.
      let part = await parts?.next();
      answer.begin(status, headers);
      while (part !== undefined && part.done !== true) {
        const value = blameCallerAtEnd(part.value);
        await new Promise<void>((resolve) => answer.write(value, resolve));
        if (controller.signal.aborted) throw callerGone();
        part = await parts!.next();
      }
      answer.end(blameCallerInTrailers(plainHeaders(trailer)));
    } finally {
      void parts?.return?.().catch(() => {});
    }
  }
}

/*
 * The library answers bytes that are no message of the RPC with `internal`. They are the caller's fault:
 * our own endpoints answer `invalid_argument` (docs/reference/errors.md), and operators would look for a
 * bug. The library has no hook between its decoder and its answer, so that the answer is changed.
 */
const unreadable = ['parse binary: ', 'decompression failed'];
const codes = { internal: Code.Internal, caller: Code.InvalidArgument } as const;

/** Connect's answer to one message. */
async function blameCaller(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  const { status, header, body } = response;
  if (status !== 500 || body === undefined) return response;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const text = blamedJson(Buffer.concat(chunks).toString());
  if (text === undefined) return { ...response, body: iterate(chunks) };
  const bytes = Buffer.from(text);
  header?.set('content-length', String(bytes.length));
  return { ...response, status: 400, body: iterate([bytes]) };
}

/** The last frame of a stream of Connect, or the trailers of gRPC-Web. */
function blameCallerAtEnd(frame: Uint8Array): Uint8Array {
  const prefixBytes = 5;
  const flags = frame[0];
  if ((flags !== 0x02 && flags !== 0x80) || frame.length <= prefixBytes) return frame;
  const text = Buffer.from(frame.subarray(prefixBytes)).toString();
  const blamed = flags === 0x02 ? blamedJson(text) : blamedTrailers(text);
  if (blamed === undefined) return frame;
  const message = Buffer.from(blamed);
  const prefix = Buffer.from(frame.subarray(0, prefixBytes));
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function blameCallerInTrailers<Value extends string | string[]>(
  trailers: Record<string, Value>,
): Record<string, Value | string> {
  const isBlamed =
    trailers['grpc-status'] === String(codes.internal) &&
    unreadable.some((text) =>
      String(trailers['grpc-message']).startsWith(encodeURIComponent(text)),
    );
  return isBlamed ? { ...trailers, 'grpc-status': String(codes.caller) } : trailers;
}

function blamedJson(text: string): string | undefined {
  if (!unreadable.some((each) => text.includes(`"message":"${each}`))) return undefined;
  return text.replace('"code":"internal"', '"code":"invalid_argument"');
}

function blamedTrailers(text: string): string | undefined {
  const isBlamed = unreadable.some((each) =>
    text.includes(`grpc-message: ${encodeURIComponent(each)}`),
  );
  if (!isBlamed) return undefined;
  return text.replace(`grpc-status: ${codes.internal}`, `grpc-status: ${codes.caller}`);
}

async function* iterate(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function callerGone(): ConnectError {
  return new ConnectError('the caller is gone', Code.Canceled);
}

/** The library uses only the path and the query. The host is never resolved. */
function urlOf({ headers, url }: HttpCall): string {
  const authority = headers[':authority'] ?? headers.host;
  const base = `http://${typeof authority === 'string' ? authority : 'localhost'}`;
  return URL.parse(url, base)?.href ?? new URL(url.replace(/^\/*/, '/'), 'http://localhost').href;
}

function webHeaders({ headers }: HttpCall): Headers {
  const made = new Headers();
  for (const name in headers) {
    const value = headers[name];
    if (name.startsWith(':') || value === undefined || isEndless(name, value)) continue;
    if (typeof value === 'string') made.append(name, value);
    else for (const each of value) made.append(name, each);
  }
  return made;
}

/** The most that a timer can wait: 25 days. The library would time a longer one out at once. */
const timerMsMax = 2 ** 31 - 1;
const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Whether a header sets a deadline so late that it is none. */
function isEndless(name: string, value: string | string[]): boolean {
  if (typeof value !== 'string') return false;
  if (name === 'connect-timeout-ms') return /^\d{1,10}$/.test(value) && Number(value) > timerMsMax;
  const found = name === 'grpc-timeout' ? /^(\d{1,8})([HMSmun])$/.exec(value) : null;
  return found !== null && Number(found[1]) * unitMs[found[2]!]! > timerMsMax;
}

function plainHeaders(headers: Headers | undefined): Record<string, string | string[]> {
  const made: Record<string, string | string[]> = {};
  headers?.forEach((value, name) => {
    made[name] = name === 'set-cookie' ? headers.getSetCookie() : value;
  });
  return made;
}

/** The body of a call as the library reads it. The caller sends only as much as was asked for. */
class CallBody implements AsyncIterable<Uint8Array>, BodySink {
  private readonly call: HttpCall;
  private chunks: Buffer[] = [];
  private isEnded = false;
  private isCut = false;
  /** The reader has stopped. */
  private isLeft = false;
  private isLate = false;
  private readonly timeoutMs: number | undefined;
  private wake: (() => void) | undefined;

  constructor(call: HttpCall, timeoutMs: number | undefined) {
    this.call = call;
    this.timeoutMs = timeoutMs;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { timeoutMs } = this;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.beLate(), timeoutMs);
    this.call.receive(this);
    try {
      for (;;) {
        const { chunks } = this;
        this.chunks = [];
        yield* chunks;
        if (this.chunks.length > 0) continue;
        if (this.isCut) throw new ConnectError('the request was cut short', Code.Aborted);
        if (this.isEnded) return;
        if (this.isLate) {
          const text = `the request was not complete after ${timeoutMs! / 1000} s`;
          throw new ConnectError(text, Code.DeadlineExceeded);
        }
        // Before `resume`, which may bring the rest or the end at once.
        const woken = new Promise<void>((resolve) => (this.wake = resolve));
        this.call.resume();
        await woken;
      }
    } finally {
      clearTimeout(timer);
      this.isLeft = true;
      this.chunks = [];
      this.call.resume();
    }
  }

  chunk(bytes: Buffer): void {
    if (this.isLeft) return;
    this.chunks.push(bytes);
    this.call.hold();
    this.wakeUp();
  }

  end(): void {
    if (!this.isCut) this.isEnded = true;
    this.wakeUp();
  }

  cut(): void {
    if (!this.isEnded) this.isCut = true;
    this.wakeUp();
  }

  private beLate(): void {
    this.isLate = true;
    this.wakeUp();
  }

  private wakeUp(): void {
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  }
}
