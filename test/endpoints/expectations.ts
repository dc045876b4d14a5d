import { expect } from 'vitest';

import { errorEntry, type ErrorCode } from '../../src/errors.ts';
import type { Answer } from './answer.ts';
import type { WireEndpoint } from './wire-endpoints.ts';

/** HTTP statuses of gRPC codes: https://connectrpc.com/docs/protocol#error-codes */
const connectStatus: Readonly<Record<number, number>> = {
  3: 400,
  4: 504,
  5: 404,
  7: 403,
  8: 429,
  9: 400,
  12: 501,
  13: 500,
  14: 503,
  16: 401,
};

const plainTypes: Readonly<Record<WireEndpoint['family'], (door: WireEndpoint) => string>> = {
  grpc: (door) => door.contentType,
  'grpc-web': (door) => door.contentType,
  connect: () => 'application/json',
  rest: () => 'application/problem+json',
};

/** The whole request, or the one event of Track, was refused with this code. */
export function expectFailure(answer: Answer, door: WireEndpoint, code: ErrorCode): void {
  const entry = errorEntry(code);
  expect(answer.code, answer.raw).toBe(code);
  expect(answer.message).not.toBe('');
  if (door.family === 'rest') expect(answer.http).toBe(entry.http);
  else {
    expect(answer.grpc).toBe(entry.grpc);
    expect(answer.http).toBe(door.family === 'connect' ? connectStatus[entry.grpc] : 200);
  }
  expect(answer.contentType).toBe(plainTypes[door.family](door));
  expectRetryHint(answer, door, entry.retryable);
  expect(answer.results).toEqual([]);
}

function expectRetryHint(answer: Answer, door: WireEndpoint, retryable: boolean): void {
  expect(answer.retryAfter !== undefined).toBe(retryable);
  if (retryable) expect(Number(answer.retryAfter)).toBeGreaterThan(0);
  if (door.family === 'rest') return;
  expect(answer.retryDelayMs !== undefined).toBe(retryable);
  if (retryable) expect(answer.retryDelayMs).toBeGreaterThan(0);
}

/** Refused before any protocol applied: an HTTP status and problem+json, at every endpoint. */
export function expectHttpProblem(answer: Answer, code: ErrorCode): void {
  expect(answer.code, answer.raw).toBe(code);
  expect(answer.http).toBe(errorEntry(code).http);
  expect(answer.contentType).toBe('application/problem+json');
}

/** One event, sent alone, got this code: as an error of Track, or as the result in a batch. */
export function expectEventFailure(answer: Answer, door: WireEndpoint, code: ErrorCode): void {
  if (door.rpc === 'Track') {
    expectFailure(answer, door, code);
    return;
  }
  const { retryable } = errorEntry(code);
  const [result] = answer.results;
  expect(answer.results.length, answer.raw).toBe(1);
  expect(result!.error?.code).toBe(code);
  expect(result!.error?.message).not.toBe('');
  expect(result!.status).toBe(retryable ? 'retry' : 'rejected');
  expect(result!.sequence).toBe(0);
  if (door.family === 'rest') {
    expect(answer.http).toBe(retryable ? 503 : 422);
    expect(answer.retryAfter).toBe(retryable ? '1' : undefined);
    expect(answer.contentType).toBe('application/json');
    const none = { accepted: 0, duplicates: 0, rejected: 0, retry: 0 };
    expect(answer.counts).toEqual({ ...none, [retryable ? 'retry' : 'rejected']: 1 });
  } else {
    expect([answer.http, answer.grpc]).toEqual([200, 0]);
    expect(answer.contentType).toBe(door.contentType);
  }
}

export function violationsOf(answer: Answer): Answer['violations'] {
  return answer.results[0]?.error?.violations ?? answer.violations;
}
