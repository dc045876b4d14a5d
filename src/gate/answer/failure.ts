import { create, toBinary, toJson, type DescMessage, type MessageShape } from '@bufbuild/protobuf';

import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  RetryInfoSchema,
} from '../../../gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../../../gen/google/rpc/status_pb.ts';
import { errorEntry, errorHelp, errorTable, ServiceError, type ErrorCode } from '../../errors.ts';
import type { EventError, Verdict } from '../../event/verdict.ts';
import type { Violation } from '../../event/violation.ts';

/** What an endpoint answers in place of a result: for a request, or for the one event of Track. */
export interface Failure {
  readonly code: ErrorCode;
  /** A number of the gRPC status codes. */
  readonly grpc: number;
  readonly http: number;
  readonly message: string;
  readonly violations: readonly Violation[];
  /** Set when trying again may help. */
  readonly retryAfterMs: number | undefined;
}

const retryAfterDefaultMs = 1000;

export function failureOfError(error: unknown): Failure {
  const known =
    error instanceof ServiceError
      ? error
      : new ServiceError('internal', errorTable.internal.text, { cause: error });
  return failureOf(known.code, known.message, [], known.retryAfterMs);
}

/** The one event of Track was not taken. Undefined: it was. */
export function failureOfVerdict(verdict: Verdict): Failure | undefined {
  if (verdict.error === undefined) return undefined;
  const { message, violations } = verdict.error;
  return failureOf(knownCode(verdict.error), message, violations, undefined);
}

function knownCode(error: EventError): ErrorCode {
  if (!Object.hasOwn(errorTable, error.code)) throw new TypeError(`no error code ${error.code}`);
  return error.code as ErrorCode;
}

function failureOf(
  code: ErrorCode,
  message: string,
  violations: readonly Violation[],
  retryAfterMs: number | undefined,
): Failure {
  const { grpc, http, retryable } = errorEntry(code);
  return {
    code,
    grpc,
    http,
    message,
    violations,
    retryAfterMs: retryable ? (retryAfterMs ?? retryAfterDefaultMs) : undefined,
  };
}

/** A message that says more of an error: its full type name, its bytes, and the same as JSON. */
export interface ErrorDetail {
  readonly type: string;
  readonly value: Uint8Array;
  readonly json?: unknown;
}

function detail<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): ErrorDetail {
  return {
    type: schema.typeName,
    value: toBinary(schema, message),
    json: toJson(schema, message),
  };
}

/** The trailers of gRPC hold all of them, and its Java client takes 8 KiB. */
const explainedMax = 5;

function explained({ message, description }: Violation): string {
  return description === undefined ? message : `${message} (${description})`;
}

/** The standard details of AIP-193: which fields, which code, where it is explained, and when to come back. */
export function failureDetails(failure: Failure): ErrorDetail[] {
  const details: ErrorDetail[] = [];
  const { violations } = failure;
  if (violations.length > 0) {
    const fieldViolations = violations.map((violation, index) => ({
      $typeName: 'google.rpc.BadRequest.FieldViolation' as const,
      field: violation.path,
      description: index < explainedMax ? explained(violation) : violation.message,
      reason: violation.code,
    }));
    details.push(detail(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  const info = create(ErrorInfoSchema, { reason: failure.code, domain: 'headgate' });
  details.push(detail(ErrorInfoSchema, info));
  const links = [
    {
      $typeName: 'google.rpc.Help.Link' as const,
      description: `What ${failure.code} means and how to fix it.`,
      url: errorHelp(failure.code),
    },
  ];
  details.push(detail(HelpSchema, create(HelpSchema, { links })));
  if (failure.retryAfterMs !== undefined) {
    const seconds = Math.floor(failure.retryAfterMs / 1000);
    const retryDelay = {
      seconds: BigInt(seconds),
      nanos: (failure.retryAfterMs % 1000) * 1_000_000,
    };
    details.push(detail(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return details;
}

/** `grpc-status-details-bin`: a google.rpc.Status in base64 without padding. */
export function grpcStatusDetails(
  code: number,
  message: string,
  details: readonly ErrorDetail[],
): string {
  const status = create(StatusSchema, {
    code,
    message,
    details: details.map(({ type, value }) => ({
      $typeName: 'google.protobuf.Any' as const,
      typeUrl: `type.googleapis.com/${type}`,
      value,
    })),
  });
  return base64(toBinary(StatusSchema, status));
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}

/** `Retry-After` counts whole seconds. */
export function retryAfterSeconds({
  retryAfterMs,
}: Pick<Failure, 'retryAfterMs'>): string | undefined {
  if (retryAfterMs === undefined) return undefined;
  return String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
}

/**
 * `Retry-After` of an answer with verdicts: when all events that are `retry` may be sent again. Undefined
 * if there are none.
 */
export function retryAfterOf(verdicts: readonly Verdict[]): string | undefined {
  let longestMs: number | undefined;
  for (const { status, retryAfterMs = retryAfterDefaultMs } of verdicts) {
    if (status === 'retry') longestMs = Math.max(longestMs ?? 0, retryAfterMs);
  }
  return retryAfterSeconds({ retryAfterMs: longestMs });
}
