import http from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import https from 'node:https';

import { create } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';

import { ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import {
  EventResult_Status as Status,
  type EventResult,
} from '../gen/headgate/v1/event_result_pb.ts';
import {
  BatchTrackRequestSchema,
  TrackService,
  type BatchTrackRequest,
} from '../gen/headgate/v1/track_service_pb.ts';
import {
  answerBytesMax,
  areInOrder,
  describeOutage,
  isPassing,
  notAGate,
  refusedBefore,
  retryAfterMs,
  tooLarge,
  unauthorized,
  type Answer,
  type Transport,
  type TransportOptions,
  type Verdict,
} from './transport.ts';

/** Speaks gRPC over HTTP/2 or Connect over HTTP/1.1, both with binary messages. */
export function openRpcTransport(
  protocol: 'connect' | 'grpc',
  options: TransportOptions,
): Transport {
  const { url, key, requestTimeoutMs } = options;
  const { transport, close } = connectTo(protocol, url, key);
  const service = createClient(TrackService, transport);
  // One signal for the life of the client. Without it, close() would wait for requests that hang.
  const closed = new AbortController();
  return {
    // The tag of the field. The records include their lengths.
    overheadBytes: 1,
    send: async (records) => {
      const call = { timeoutMs: requestTimeoutMs, signal: closed.signal };
      try {
        const { results } = await service.batchTrack(requestOf(records), call);
        if (results.length !== records.length) {
          return notAGate(url, `${results.length} verdicts on ${records.length} events`);
        }
        const keys = results.map(({ idempotencyKey }) => idempotencyKey);
        if (!areInOrder(records, keys)) return notAGate(url, 'its verdicts are on other events');
        return { kind: 'verdicts', verdicts: results.map(verdictOf), afterMs: 0 };
      } catch (error) {
        return answerOf(error, url);
      }
    },
    close: () => {
      closed.abort();
      close();
    },
  };
}

/** An idle open connection would keep the program from ending. */
const idleConnectionTimeoutMs = 5_000;

function connectTo(protocol: 'connect' | 'grpc', url: string, key: string | undefined) {
  const interceptors = key === undefined ? [] : [withKey(key)];
  const shared = { baseUrl: url, interceptors, readMaxBytes: answerBytesMax };
  if (protocol === 'grpc') {
    const sessionManager = new ClientSessions(url, { idleConnectionTimeoutMs });
    const transport = createGrpcTransport({ ...shared, sessionManager });
    return { transport, close: () => sessionManager.abort() };
  }
  const agent = new (url.startsWith('https:') ? https : http).Agent({ keepAlive: true });
  const nodeOptions = { agent };
  const transport = createConnectTransport({ ...shared, httpVersion: '1.1', nodeOptions });
  return { transport, close: () => agent.destroy() };
}

/**
 * The connections of a gRPC client, which may be aborted at any time.
 *
 * A session that fails ends its streams first and emits `error` some turns later. `abort` in between, as the
 * end of a failed call may cause, takes away the manager's listener: without another one, Node ends the
 * process.
 */
class ClientSessions extends Http2SessionManager {
  private readonly known = new WeakSet<object>();

  override async request(
    ...call: Parameters<Http2SessionManager['request']>
  ): Promise<ClientHttp2Stream> {
    const stream = await super.request(...call);
    const { session } = stream;
    if (session !== undefined && !this.known.has(session)) {
      this.known.add(session);
      // The manager and the streams report the error.
      session.on('error', () => {});
    }
    return stream;
  }
}

function withKey(key: string): Interceptor {
  return (next) => (request) => {
    request.header.set('authorization', `Bearer ${key}`);
    return next(request);
  };
}

const eventsField = BatchTrackRequestSchema.field.events.number;
const lengthDelimited = 2;

/**
 * The events are in wire format already, so they go into the message unchanged, as unknown fields.
 * Decoding and encoding them again would cost more than the rest of a request.
 */
function requestOf(records: readonly Buffer[]): BatchTrackRequest {
  const request = create(BatchTrackRequestSchema, { sentAt: timestampNow() });
  request.$unknown = records.map((data) => ({ no: eventsField, wireType: lengthDelimited, data }));
  return request;
}

const statuses: Readonly<Record<number, Verdict['status']>> = {
  [Status.ACCEPTED]: 'accepted',
  [Status.DUPLICATE]: 'duplicate',
  [Status.REJECTED]: 'rejected',
};

function verdictOf({ status, eventId, error }: EventResult): Verdict {
  // A newer gate may send an unknown status, which may not be final.
  return { status: statuses[status] ?? 'retry', eventId, error };
}

/** Every gate puts it into the details of its errors. */
const gateDomain = 'headgate';

/** What a server answers that does not take the request, as the HTTP statuses that mean the same. */
const refusals: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: 400,
  [Code.OutOfRange]: 400,
  [Code.FailedPrecondition]: 400,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.Unimplemented]: 404,
  [Code.AlreadyExists]: 409,
};

/** Undefined if the error, which is not a gate's, may pass or is of the connection. */
function refusalOf(failure: ConnectError, url: string): Answer | undefined {
  // The libraries say so of an answer that has none of their codes.
  const http = /^HTTP (\d{3})$/.exec(failure.rawMessage)?.[1];
  const status = http === undefined ? refusals[failure.code] : Number(http);
  if (status === undefined || status < 300 || isPassing(status)) return undefined;
  if (status === 401 || status === 407) return undefined;
  return refusedBefore(url, status, failure.metadata.get('location'));
}

function answerOf(error: unknown, url: string): Answer {
  const failure = ConnectError.from(error);
  const info = failure.findDetails(ErrorInfoSchema).find(({ domain }) => domain === gateDomain);
  const code = info?.reason;
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const message = failure.rawMessage;
  if (delay !== undefined) {
    const afterMs = Number(delay.seconds) * 1000 + delay.nanos / 1_000_000;
    const busy = `The gate at ${url} is busy (${code ?? Code[failure.code]}): ${message}`;
    return { kind: 'retry', reason: 'overloaded', message: busy, afterMs };
  }
  const afterMs = retryAfterMs(failure.metadata);
  const refusal = code === undefined ? refusalOf(failure, url) : undefined;
  if (refusal !== undefined) return refusal;
  switch (failure.code) {
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return unauthorized(url, message);
    case Code.Unimplemented:
    case Code.NotFound:
      return notAGate(url, message);
    case Code.InvalidArgument:
      return { kind: 'split', code: code!, isOfEvent: true, message };
    case Code.DeadlineExceeded: {
      const late = `The gate at ${url} did not answer in time`;
      return { kind: 'retry', reason: 'overloaded', message: late, afterMs };
    }
    case Code.ResourceExhausted:
      if (code !== undefined) return { kind: 'split', code, isOfEvent: true, message };
      // The library's own error, which names its option.
      if (message.includes('readMaxBytes')) return tooLarge(url);
      return { kind: 'retry', reason: 'overloaded', message, afterMs };
    default:
      return {
        kind: 'retry',
        reason: 'unreachable',
        message: describeOutage(failure, url),
        afterMs,
      };
  }
}
