import { expect } from 'vitest';

import type { Family, WireEndpoint } from '../endpoints/wire-endpoints.ts';
import type { WireAnswer } from '../endpoints/wire.ts';

/** One rule of a protocol: the request that tests it, and the required answer. */
export interface Rule {
  /** The specification and its section. */
  readonly source: string;
  readonly says: string;
  readonly family: Exclude<Family, 'rest'>;
  /** By default, every endpoint of the family. */
  readonly doors?: (door: WireEndpoint) => boolean;
  readonly sent: (door: WireEndpoint) => Sent;
  readonly back: (answer: WireAnswer, door: WireEndpoint) => void;
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly version?: '1.1' | '2';
  /** Overrides the headers of the endpoint. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Sends the body in that many parts, each in its own frame or chunk. */
  readonly parts?: number;
}

export interface Frame {
  readonly flags: number;
  readonly data: Buffer;
}

/** The length-prefixed messages of a body; throws if the body has another format. */
export function framesOf(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < body.length;) {
    if (at + 5 > body.length) throw new Error('a frame is cut short');
    const length = body.readUInt32BE(at + 1);
    if (at + 5 + length > body.length) throw new Error('a frame is cut short');
    frames.push({ flags: body[at]!, data: body.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return frames;
}

/** gRPC's status, wherever its trailers are; fails if it is missing. */
export function grpcStatus(answer: WireAnswer): number {
  const { trailers, headers } = answer;
  const text =
    trailers['grpc-status'] ?? headers['grpc-status'] ?? webTrailers(answer)['grpc-status'];
  expect(text).toMatch(/^\d+$/);
  return Number(text);
}

/** The last frame of a gRPC-Web body, as names and values; empty if the body is not gRPC-Web. */
export function webTrailers(answer: WireAnswer): Record<string, string> {
  if (!answer.headers['content-type']?.startsWith('application/grpc-web')) return {};
  const last = framesOf(answer.body).at(-1);
  if (last === undefined || last.flags !== 0x80) return {};
  const lines = last.data.toString('latin1').split('\r\n');
  return Object.fromEntries(
    lines
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
}

export interface ConnectFailure {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

/** The error of a Connect answer with this HTTP status. */
export function connectError(answer: WireAnswer, http: number): ConnectFailure {
  expect(answer.status, answer.body.toString()).toBe(http);
  expect(answer.headers['content-type']).toBe('application/json');
  return JSON.parse(answer.body.toString()) as ConnectFailure;
}
