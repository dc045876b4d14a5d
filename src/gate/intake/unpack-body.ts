import type { ServiceError } from '../../errors.ts';
import type { HttpCall } from '../../http/http-call.ts';
import type { InflationSlots } from './inflation.ts';
import { encodingOf, inflate } from './inflation.ts';
import { tooLargeForGate } from './read-body.ts';
import type { RequestMemory } from './request-memory.ts';

/** What a request needs while its body is inflated. */
export interface Unpacking {
  readonly memory: RequestMemory;
  readonly slots: InflationSlots;
  /** The error of a body that inflates to so many bytes, or more. */
  readonly tooLarge: (bytes: number) => ServiceError;
  /** The inflated body, if the search for its key has inflated all of it. */
  readonly inflated?: Buffer | undefined;
}

/**
 * Undoes a content encoding; stops as soon as the result passes the limit, however small the input, or when the
 * caller disconnects or its memory is needed for others. The result is counted while it grows. Rejects with a
 * ServiceError: `unsupported_encoding`, `request_too_large`, `malformed_request`. Where the memory is lost, it
 * stays pending: that has a listener of its own.
 */
export async function decompressBody(
  body: Buffer,
  encoding: string,
  bytesMax: number,
  unpacking?: Unpacking,
): Promise<Buffer> {
  const name = encodingOf(encoding);
  // Connect: "Servers must not attempt to decompress zero-length HTTP request content."
  if (name === undefined || body.length === 0) return body;
  if (unpacking === undefined) return inflateAll(body, name, bytesMax, undefined);
  const { slots, memory } = unpacking;
  await new Promise<void>((resolve) => {
    memory.stopWork = () => slots.leave(resolve);
    slots.take(resolve);
  });
  try {
    return await inflateAll(body, name, bytesMax, unpacking);
  } finally {
    memory.stopWork = undefined;
    slots.free();
  }
}

function inflateAll(
  body: Buffer,
  encoding: string,
  bytesMax: number,
  unpacking: Unpacking | undefined,
): Promise<Buffer> {
  const memory = unpacking?.memory;
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const inflation = inflate(body, encoding, {
      chunk: (bytes) => {
        size += bytes.length;
        parts.push(bytes);
        if (size > bytesMax) {
          inflation.stop();
          reject(unpacking?.tooLarge(size) ?? tooLargeForGate(bytesMax + 1, bytesMax));
        } else memory?.add(bytes.length);
      },
      end: () => resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)),
      fail: reject,
    });
    if (memory === undefined) return;
    // Resolves, so that the slot is free again. The result is not used.
    memory.stopWork = () => {
      inflation.stop();
      resolve(Buffer.alloc(0));
    };
  });
}

/** The part of an exchange that its body needs. */
export interface PackedExchange {
  readonly call: Pick<HttpCall, 'headers'>;
  readonly unpacking?: Unpacking | undefined;
}

/** Unpacks the body of a request according to its `content-encoding`. */
export function unpackBody(
  { call, unpacking }: PackedExchange,
  body: Buffer,
  bytesMax: number,
): Buffer | Promise<Buffer> {
  const encoding = call.headers['content-encoding'];
  if (encoding === undefined || encoding === '') return body;
  return unpacking?.inflated ?? decompressBody(body, encoding, bytesMax, unpacking);
}
