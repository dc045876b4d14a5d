import {
  fromBinary,
  fromJson,
  toJson,
  type DescMessage,
  type JsonValue,
  type Message,
  type MessageShape,
} from '@bufbuild/protobuf';

import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../../gen/google/rpc/status_pb.ts';
import {
  BatchTrackResponseSchema,
  TrackResponseSchema,
} from '../../gen/headgate/v1/track_service_pb.ts';
import type { EventResult } from '../../gen/headgate/v1/event_result_pb.ts';
import { EventResultSchema } from '../../gen/headgate/v1/event_result_pb.ts';
import { grpcCodeNames } from '../../src/errors.ts';
import type { WireAnswer } from './wire.ts';

/** The result of one event, in the format of REST, whatever the endpoint. */
export interface Result {
  readonly index: number;
  readonly idempotency_key: string;
  readonly event_id: string;
  readonly status: 'accepted' | 'duplicate' | 'rejected' | 'retry';
  readonly timestamp: string;
  readonly schema_version: number;
  readonly sequence: number;
  readonly error?: { code: string; message: string; violations: Violation[]; help: string };
  readonly warnings: { code: string; message: string; violations: Violation[] }[];
}

export interface Violation {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly kind?: string;
  readonly expected?: string;
  readonly suggestion?: string;
  readonly description?: string;
}

/** The answer of any endpoint, in one format. */
export interface Answer {
  readonly http: number;
  /** The gRPC status code; undefined for REST. */
  readonly grpc: number | undefined;
  /** The code of src/errors.ts; empty if the request got its results. */
  readonly code: string;
  readonly message: string;
  readonly violations: Violation[];
  /** The link that explains the code; empty if the request got its results. */
  readonly help: string;
  /** From RetryInfo; undefined if absent. */
  readonly retryDelayMs: number | undefined;
  readonly retryAfter: string | undefined;
  readonly correlationId: string | undefined;
  readonly contentType: string;
  readonly results: Result[];
  /** REST batches only. */
  readonly counts?: Record<string, number>;
  /** The raw answer, to check that it does not contain event data. */
  readonly raw: string;
}

const bare = {
  grpc: undefined,
  code: '',
  message: '',
  violations: [],
  help: '',
  retryDelayMs: undefined,
  results: [],
};

function frame(answer: WireAnswer): Omit<Answer, keyof typeof bare> {
  return {
    http: answer.status,
    retryAfter: answer.headers['retry-after'] ?? answer.trailers['retry-after'],
    correlationId: answer.headers['x-correlation-id'],
    contentType: answer.headers['content-type'] ?? '',
    raw: `${answer.body.toString('latin1')}${JSON.stringify(answer.trailers)}`,
  };
}

export function readRest(answer: WireAnswer): Answer {
  const base = { ...bare, ...frame(answer) };
  const body = JSON.parse(answer.body.toString('utf8')) as Record<string, never>;
  if (base.contentType === 'application/problem+json') {
    return {
      ...base,
      code: body['code']!,
      message: body['detail']!,
      violations: body['violations'] ?? [],
      help: body['help'] ?? '',
    };
  }
  const { results, ...counts } = body as unknown as { results?: Result[] };
  return results === undefined
    ? { ...base, results: [body as unknown as Result] }
    : { ...base, results, counts };
}

export function readConnect(answer: WireAnswer, rpc: Rpc, codec: Codec): Answer {
  const base = { ...bare, ...frame(answer) };
  if (answer.status !== 200) {
    if (base.contentType !== 'application/json') return base;
    const error = JSON.parse(answer.body.toString('utf8')) as {
      code: string;
      message?: string;
      details?: { type: string; value: string }[];
    };
    const details = (error.details ?? []).map(({ type, value }) => ({
      type,
      value: Buffer.from(value, 'base64'),
    }));
    const { message = '' } = error;
    return {
      ...base,
      grpc: (grpcCodeNames as readonly string[]).indexOf(error.code),
      message,
      ...readDetails(details),
    };
  }
  return { ...base, grpc: 0, results: readMessage(rpc, answer.body, codec) };
}

export type Rpc = 'Track' | 'BatchTrack';
export type Codec = 'json' | 'proto';

export function readGrpc(answer: WireAnswer, rpc: Rpc, codec: Codec): Answer {
  const base = { ...bare, ...frame(answer) };
  const trailers = answer.trailers['grpc-status'] === undefined ? answer.headers : answer.trailers;
  if (trailers['grpc-status'] === undefined) return base;
  const status = readStatus(trailers);
  if (status.grpc !== 0) return { ...base, ...status };
  return { ...base, ...status, results: readMessage(rpc, answer.body.subarray(5), codec) };
}

export function readGrpcWeb(answer: WireAnswer, rpc: Rpc, codec: Codec): Answer {
  const base = { ...bare, ...frame(answer) };
  if (answer.headers['grpc-status'] !== undefined)
    return { ...base, ...readStatus(answer.headers) };
  let message: Buffer | undefined;
  let trailers: Record<string, string> = {};
  for (let at = 0; at + 5 <= answer.body.length;) {
    const length = answer.body.readUInt32BE(at + 1);
    const part = answer.body.subarray(at + 5, at + 5 + length);
    if ((answer.body[at]! & 0x80) === 0) message = part;
    else {
      trailers = Object.fromEntries(
        part
          .toString('latin1')
          .split('\r\n')
          .filter((line) => line !== '')
          .map((line) => [
            line.slice(0, line.indexOf(':')).toLowerCase(),
            line.slice(line.indexOf(':') + 1).trim(),
          ]),
      );
    }
    at += 5 + length;
  }
  if (trailers['grpc-status'] === undefined) return base;
  const status = readStatus(trailers);
  const retryAfter = base.retryAfter ?? trailers['retry-after'];
  const results = status.grpc === 0 ? readMessage(rpc, message!, codec) : [];
  return { ...base, ...status, retryAfter, results };
}

function readStatus(trailers: WireAnswer['trailers']) {
  const grpc = Number(trailers['grpc-status']);
  const message = decodeURIComponent(trailers['grpc-message'] ?? '');
  const binary = trailers['grpc-status-details-bin'];
  if (binary === undefined) return { grpc, message };
  const status = fromBinary(StatusSchema, Buffer.from(binary, 'base64'));
  if (status.code !== grpc || status.message !== message)
    throw new Error('status and details differ');
  const details = status.details.map(({ typeUrl, value }) => ({
    type: typeUrl.replace('type.googleapis.com/', ''),
    value,
  }));
  return { grpc, message, ...readDetails(details) };
}

export interface Detail {
  readonly type: string;
  readonly value: Uint8Array;
}

export function readDetails(
  details: readonly Detail[],
): Pick<Answer, 'code' | 'violations' | 'retryDelayMs' | 'help'> {
  let code = '';
  let violations: Violation[] = [];
  let retryDelayMs: number | undefined;
  let help = '';
  for (const { type, value } of details) {
    if (type === 'google.rpc.ErrorInfo') {
      const info = fromBinary(ErrorInfoSchema, value);
      if (info.domain !== 'headgate') throw new Error(`the domain is ${info.domain}`);
      code = info.reason;
    } else if (type === 'google.rpc.BadRequest') {
      violations = fromBinary(BadRequestSchema, value).fieldViolations.map((violation) => ({
        path: violation.field,
        code: violation.reason,
        message: violation.description,
      }));
    } else if (type === 'google.rpc.Help') {
      help = fromBinary(HelpSchema, value).links[0]!.url;
    } else if (type === 'google.rpc.RetryInfo') {
      const { retryDelay } = fromBinary(RetryInfoSchema, value);
      retryDelayMs = Number(retryDelay!.seconds) * 1000 + retryDelay!.nanos / 1_000_000;
    } else throw new Error(`an unknown detail ${type}`);
  }
  return { code, violations, retryDelayMs, help };
}

function readMessage(rpc: Rpc, bytes: Buffer, codec: Codec): Result[] {
  // Parsed by protobuf-es, which throws if JSON is not ProtoJSON of the contract.
  const read = <Desc extends DescMessage>(schema: Desc): MessageShape<Desc> =>
    codec === 'proto'
      ? fromBinary(schema, bytes)
      : fromJson(schema, JSON.parse(bytes.toString('utf8')) as JsonValue);
  const results =
    rpc === 'Track' ? [read(TrackResponseSchema).result!] : read(BatchTrackResponseSchema).results;
  return results.map(resultOf);
}

/** A headgate.v1.EventResult in the format of REST. */
export function resultOf(result: EventResult): Result {
  const json = toJson(EventResultSchema, result, {
    alwaysEmitImplicit: true,
    useProtoFieldName: true,
  }) as unknown as Result & { sequence: string; status: string } & Message;
  return {
    ...json,
    status: json.status.toLowerCase() as Result['status'],
    sequence: Number(json.sequence),
    timestamp: new Date(json.timestamp).toISOString(),
  };
}
