import { durationMs, type Duration } from '@bufbuild/protobuf/wkt';
import {
  Code,
  ConnectError,
  createClient,
  type Client,
  type Interceptor,
} from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';

import { RelayService } from '../../../gen/headgate/v1/relay_service_pb.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import type { Outcome } from '../destination.ts';
import type { FarGateSettings } from './settings.ts';
import { tlsFault } from './tls-fault.ts';

/** A client of the other gate. It connects with the first request. */
export interface FarGate {
  readonly relay: Client<typeof RelayService>;
  /** Ends the connection, and the requests on it. The next request opens another. */
  drop(): void;
}

/** Answers are found missing within this time on a connection that died without a word. */
const pingIntervalMs = 10_000;
const pingTimeoutMs = 5_000;
/** An open connection that is idle costs both sides a little. */
const idleConnectionTimeoutMs = 60_000;

/** gRPC over HTTP/2: in the clear with http://, by TLS with https://. */
export function openFarGate({ url, key, caFile, readCa }: FarGateSettings): FarGate {
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
  const sessionManager = new Http2SessionManager(baseUrl, pings, tls);
  const withKey: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${key}`);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl, interceptors: [withKey], sessionManager });
  return {
    relay: createClient(RelayService, transport),
    drop: () => sessionManager.abort(),
  };
}

/** An outcome of events that were not delivered. */
type Failed = Exclude<Outcome, { readonly kind: 'delivered' }>;

/** The other gate takes the events later: after `delay`, if it says one. */
export function retryLater(reason: string, status: string, delay: Duration | undefined): Failed {
  const retry = { kind: 'retry', fault: 'destination', reason, status } as const;
  return delay === undefined ? retry : { ...retry, notBeforeMs: durationMs(delay) };
}

/** These say that the request is too large; a part of it may be taken. */
const splitCodes = new Set(['request_too_large', 'too_many_events']);
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
  const code = failure.findDetails(ErrorInfoSchema)[0]?.reason;
  const status = code ?? (Code[failure.code] ?? 'unknown').toLowerCase();
  if (code !== undefined && splitCodes.has(code)) {
    return { kind: 'dead', reason: `${code}: ${failure.rawMessage}`, status };
  }
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return retryLater(`${url.host}: ${reasonOf(failure, code, far)}`, status, delay);
}

function reasonOf(failure: ConnectError, code: string | undefined, far: FarGateSettings): string {
  // Only our gates send these details; any other text may come from whatever answers at the address.
  if (code !== undefined) return `${code}: ${failure.rawMessage}`;
  if (failure.code === Code.DeadlineExceeded) return `no answer within ${far.timeoutMs} ms`;
  if (failure.code === Code.Canceled) return 'the delivery was stopped';
  const { cause } = failure;
  if (cause instanceof Error && 'code' in cause) {
    const network = String(cause.code);
    return tlsFault(cause, network, far) ?? `no answer: ${network}`;
  }
  return names[failure.code] ?? `it answered ${Code[failure.code] ?? failure.code}`;
}
