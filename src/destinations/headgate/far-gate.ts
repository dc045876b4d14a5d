import { durationMs, type Duration } from '@bufbuild/protobuf/wkt';
import {
  Code,
  ConnectError,
  createClient,
  type Client,
  type Interceptor,
} from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';

import { RelayService } from '../../../gen/headgate/v1/relay_service_pb.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { stoppedText, type Outcome } from '../destination.ts';
import { ClientSessions } from './client-sessions.ts';
import { openForward } from './forward-call.ts';
import type { FarGateSettings } from './settings.ts';
import { tlsFault } from './tls-fault.ts';

/** A client of the other gate. It connects with the first request. */
export interface FarGate {
  readonly relay: Client<typeof RelayService>;
  /** `relay.forward`, for the path of every event. */
  readonly forward: ReturnType<typeof openForward>;
  /** Ends the connection, and the requests on it. The next request opens another. */
  drop(): void;
}

/** Answers are found missing within this time on a connection that died without a word. */
const pingIntervalMs = 10_000;
const pingTimeoutMs = 5_000;
/** An open connection that is idle costs both sides a little. */
const idleConnectionTimeoutMs = 60_000;

/**
 * gRPC over HTTP/2: in the clear with http://, by TLS with https://.
 *
 * @param answerBytesMax of one answer: a larger one is not read. `isAnswerTooLarge` knows its error.
 */
export function openFarGate(
  { url, key, caFile, readCa, timeoutMs }: FarGateSettings,
  answerBytesMax: number,
): FarGate {
  const baseUrl = url.origin;
  // http2.connect copies the options: each new connection trusts what the file has by then.
  const tls =
    caFile === undefined
      ? {}
      : {
          get ca() {
            return readCa();
          },
        };
  const pings = { pingIntervalMs, pingTimeoutMs, idleConnectionTimeoutMs };
  const sessionManager = new ClientSessions(baseUrl, pings, tls);
  const withKey: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${key}`);
    return next(request);
  };
  const transport = createGrpcTransport({
    baseUrl,
    interceptors: [withKey],
    sessionManager,
    readMaxBytes: answerBytesMax,
  });
  return {
    relay: createClient(RelayService, transport),
    forward: openForward({ sessions: sessionManager, key, timeoutMs, answerBytesMax }),
    drop: () => sessionManager.abort(),
  };
}

/** An outcome of events that were not delivered. */
type Failed = Exclude<Outcome, { readonly kind: 'delivered' }>;
type Retry = Extract<Outcome, { readonly kind: 'retry' }>;

/** The other gate takes the events later: after `delay`, if it says one. */
export function retryLater(reason: string, status: string, delay: Duration | undefined): Retry {
  const retry = { kind: 'retry', fault: 'destination', reason, status } as const;
  return delay === undefined ? retry : { ...retry, notBeforeMs: durationMs(delay) };
}

/** These say that the request is too large; a part of it may be taken. */
const splitCodes = new Set(['request_too_large', 'too_many_events']);
/** These are about the key. */
const keyCodes: ReadonlySet<Code> = new Set([Code.Unauthenticated, Code.PermissionDenied]);
const noHttp2Text =
  'it does not speak HTTP/2 (ERR_HTTP2_ERROR): correct the port, or let the proxy in between pass gRPC on';
/** The code of the other gate in these is the reason, rather than that of the protocol. */
const names: Partial<Record<Code, string>> = {
  [Code.Unimplemented]: 'it has no RelayService: is it a Headgate of this version or newer?',
};

/**
 * What a failed request says about its events: that the other gate cannot take them now, or, `dead`, that
 * the request must be split. Names only the host: errors of the network may quote more.
 */
export function outcomeOfFailure(error: unknown, far: FarGateSettings): Failed {
  const { url } = far;
  const failure = ConnectError.from(error);
  const reason = failure.findDetails(ErrorInfoSchema)[0]?.reason;
  const code = reason === undefined ? undefined : shownCode(reason);
  const status = code ?? (Code[failure.code] ?? 'unknown').toLowerCase();
  if (code !== undefined && splitCodes.has(code)) {
    return { kind: 'dead', reason: shownText(`${code}: ${failure.rawMessage}`, far), status };
  }
  if (isAnswerTooLarge(failure)) {
    return { kind: 'dead', reason: `${url.host}: its answer is too large`, status };
  }
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return retryLater(`${url.host}: ${reasonOf(failure, code, far)}`, status, delay);
}

/** The client itself ends such an answer, and its error has no details. */
function isAnswerTooLarge({ code, rawMessage }: ConnectError): boolean {
  return code === Code.ResourceExhausted && rawMessage.includes('readMaxBytes');
}

const textCharactersMax = 1_000;

/**
 * A text of the far gate on one line, shortened, without the key: it goes to the log, to dead letters and
 * to terminals.
 */
export function shownText(text: string, { key }: Pick<FarGateSettings, 'key'>): string {
  const line = text.replaceAll(key, '***').replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
  return line.length > textCharactersMax ? `${line.slice(0, textCharactersMax)}...` : line;
}

/** An error code of the far gate. `unknown` for what looks like none. */
export function shownCode(code: string): string {
  return /^[a-z0-9_]{1,64}$/.test(code) ? code : 'unknown';
}

function reasonOf(failure: ConnectError, code: string | undefined, far: FarGateSettings): string {
  // Only our gates send these details; any other text may come from whatever answers at the address.
  if (code !== undefined) {
    const ofKey = keyCodes.has(failure.code) ? ` (key ${far.keyId})` : '';
    return shownText(`${code}${ofKey}: ${failure.rawMessage}`, far);
  }
  if (failure.code === Code.DeadlineExceeded) return `no answer within ${far.timeoutMs} ms`;
  if (failure.code === Code.Canceled) return stoppedText;
  if (failure.code === Code.Aborted) return 'the connection broke off before the answer';
  const { cause } = failure;
  if (cause instanceof Error && 'code' in cause) {
    const network = String(cause.code);
    const fault = network === 'ERR_HTTP2_ERROR' ? noHttp2Text : `no answer: ${network}`;
    return tlsFault(cause, network, far) ?? fault;
  }
  return names[failure.code] ?? `it answered ${Code[failure.code] ?? failure.code}`;
}
