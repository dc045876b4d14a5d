import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { fromBinary, toJson, type JsonValue } from '@bufbuild/protobuf';

import { StatusSchema } from '../../gen/google/rpc/status_pb.ts';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import {
  BatchTrackResponseSchema,
  TrackResponseSchema,
} from '../../gen/headgate/v1/track_service_pb.ts';
import { grpcCodeNames } from '../../src/errors.ts';
import type { GeneratedRequest } from './generated-requests.ts';
import type { RawAnswer } from './raw-call.ts';

/** An answer as a caller understands it. */
export interface UnderstoodAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A name of the codes of gRPC and Connect, or its number as text; `ok`. */
  readonly code: string;
  readonly message: string;
  readonly details: readonly JsonValue[];
  readonly result: JsonValue;
}

/** Headers of the connection or of the moment, and optional advice. */
const ignoredHeaders = new Set([
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'trailer',
  'content-length',
  'content-encoding',
  'grpc-encoding',
]);

export function tell(request: GeneratedRequest, answer: RawAnswer): UnderstoodAnswer {
  const headers = Object.fromEntries(
    Object.entries(answer.headers).filter(([name]) => !ignoredHeaders.has(name)),
  );
  const type = headers['content-type'] ?? '';
  const base = { status: answer.status, headers };
  if (type.startsWith('application/grpc-web')) {
    return { ...base, ...tellFramed(request, answer, webTrailers(answer.body)) };
  }
  if (type.startsWith('application/grpc')) {
    if (headers['grpc-status'] === undefined) {
      return { ...base, ...tellFramed(request, answer, answer.trailers) };
    }
    // Trailers-Only: one block has what the stock router splits in two.
    const { trailers, others } = trailersAmong(headers);
    return { ...base, headers: others, ...tellFramed(request, answer, trailers) };
  }
  const body = uncompressed(answer.headers['content-encoding'], answer.body);
  if (answer.status === 200) {
    const result: JsonValue =
      type === 'application/proto'
        ? decode(request, body)
        : (JSON.parse(body.toString()) as JsonValue);
    return { ...base, code: 'ok', message: '', details: [], result };
  }
  const text = body.toString();
  const parsed = (type.endsWith('json') ? JSON.parse(text) : {}) as Record<string, never>;
  const {
    code = '',
    message = '',
    details = [],
  } = parsed as {
    code?: string;
    message?: string;
    details?: { type: string; value: string }[];
  };
  return {
    ...base,
    code,
    message,
    details: details.map(({ type: name, value }) =>
      decodeDetail(name, Buffer.from(value, 'base64')),
    ),
    result: null,
  };
}

type Trailers = Readonly<Record<string, string>>;

function trailersAmong(headers: Trailers): { trailers: Trailers; others: Trailers } {
  const isTrailer = (name: string): boolean => /^grpc-(status|message)|^retry-after$/.test(name);
  const entries = Object.entries(headers);
  return {
    trailers: Object.fromEntries(entries.filter(([name]) => isTrailer(name))),
    others: Object.fromEntries(entries.filter(([name]) => !isTrailer(name))),
  };
}

function tellFramed(
  request: GeneratedRequest,
  answer: RawAnswer,
  trailers: Trailers,
): Pick<UnderstoodAnswer, 'code' | 'message' | 'details' | 'result'> {
  const code =
    grpcCodeNames[Number(trailers['grpc-status'])] ?? `none (${trailers['grpc-status']})`;
  const message = decodeURIComponent(trailers['grpc-message'] ?? '');
  const bytes = Buffer.from(trailers['grpc-status-details-bin'] ?? '', 'base64');
  const status = fromBinary(StatusSchema, bytes);
  if (bytes.length > 0 && (status.message !== message || grpcCodeNames[status.code] !== code)) {
    throw new Error(
      `the details say ${status.code} ${JSON.stringify(status.message)}, not ${code} ${JSON.stringify(message)}`,
    );
  }
  const [first] = framesOf(answer.body);
  const payload =
    first === undefined || (first.flags & 0x80) !== 0
      ? undefined
      : uncompressed(
          (first.flags & 1) === 0 ? undefined : answer.headers['grpc-encoding'],
          first.data,
        );
  return {
    code,
    message,
    details: [
      ...status.details.map(({ typeUrl, value }) =>
        decodeDetail(typeUrl.split('/').at(-1)!, value),
      ),
      ...(trailers['retry-after'] === undefined ? [] : [{ retryAfter: trailers['retry-after'] }]),
    ],
    result: payload === undefined ? null : asJson(request, payload, answer),
  };
}

function asJson(request: GeneratedRequest, payload: Buffer, answer: RawAnswer): JsonValue {
  if (answer.headers['content-type']!.endsWith('+json'))
    return JSON.parse(payload.toString()) as JsonValue;
  return decode(request, payload);
}

function decode(request: GeneratedRequest, bytes: Buffer): JsonValue {
  return request.rpc === 'Track'
    ? toJson(TrackResponseSchema, fromBinary(TrackResponseSchema, bytes))
    : toJson(BatchTrackResponseSchema, fromBinary(BatchTrackResponseSchema, bytes));
}

function decodeDetail(name: string, bytes: Uint8Array): JsonValue {
  const schema = [BadRequestSchema, ErrorInfoSchema, HelpSchema, RetryInfoSchema].find(
    ({ typeName }) => typeName === name,
  );
  if (schema === undefined) throw new Error(`no detail of type ${name}`);
  return { type: name, value: toJson(schema, fromBinary(schema, bytes)) };
}

function framesOf(body: Buffer): { flags: number; data: Buffer }[] {
  const frames: { flags: number; data: Buffer }[] = [];
  for (let at = 0; at < body.length;) {
    const length = body.readUInt32BE(at + 1);
    frames.push({ flags: body[at]!, data: body.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return frames;
}

function webTrailers(body: Buffer): Trailers {
  const last = framesOf(body).findLast(({ flags }) => (flags & 0x80) !== 0);
  if (last === undefined) throw new Error('a gRPC-Web answer without trailers');
  return Object.fromEntries(
    last.data
      .toString('latin1')
      .split('\r\n')
      .filter((line) => line !== '')
      .map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
  );
}

function uncompressed(encoding: string | undefined, bytes: Buffer): Buffer {
  if (encoding === 'gzip') return gunzipSync(bytes);
  return encoding === 'br' ? brotliDecompressSync(bytes) : bytes;
}
