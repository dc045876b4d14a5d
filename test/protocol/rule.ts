import { expect } from 'vitest';

import type { Family, WireEndpoint } from '../endpoints/wire-endpoints.ts';
import type { WireAnswer } from '../endpoints/wire.ts';

/** One sentence of a protocol: what is sent because of it, and what must come back. */
export interface Rule {
  /** The specification and its section. */
  readonly source: string;
  readonly says: string;
  readonly family: Exclude<Family, 'rest'>;
  /** Else by every door of the family. */
  readonly doors?: (door: WireEndpoint) => boolean;
  readonly sent: (door: WireEndpoint) => Sent;
  readonly back: (answer: WireAnswer, door: WireEndpoint) => void;
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly version?: '1.1' | '2';
  /** Over those of the door. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Has the body go in as many parts, each in a frame or chunk of its own. */
  readonly parts?: number;
}

export interface Frame {
  readonly flags: number;
  readonly data: Buffer;
}

/** The length-prefixed messages of a body; throws at what is none. */
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

/** gRPC's status, wherever its trailers are; fails where there is none. */
export function grpcStatus(answer: WireAnswer): number {
  const { trailers, headers } = answer;
  const text =
    trailers['grpc-status'] ?? headers['grpc-status'] ?? webTrailers(answer)['grpc-status'];
  expect(text).toMatch(/^\d+$/);
  return Number(text);
}

/** The last frame of a gRPC-Web body, as names and values; none in what is no gRPC-Web. */
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
