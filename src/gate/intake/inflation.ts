import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';

import { ServiceError } from '../../errors.ts';

type Decoder = ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>;

/**
 * The windows are bounded: 32 KiB for gzip, 16 MiB for brotli (large windows are off by default), 8
 * MiB for zstd (RFC 9659). Otherwise a few bytes could request 128 MiB or more.
 */
const zstdWindowBitsMax = 23;

const decoders: Readonly<Record<string, () => Decoder>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: () =>
    createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowBitsMax } }),
};

/** The value of `accept-encoding` and `grpc-accept-encoding`. */
export const knownEncodings = 'gzip,br,deflate,zstd,identity';

/**
 * The name of the encoding to undo. Undefined if there is none. Throws a ServiceError
 * `unsupported_encoding` if it is not known.
 */
export function encodingOf(header: string): string | undefined {
  const name = header.trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  if (Object.hasOwn(decoders, name)) return name;
  throw new ServiceError(
    'unsupported_encoding',
    `The encoding "${name.slice(0, 40)}" is not known here. Use one of ${knownEncodings}.`,
  );
}

/**
 * Receives the inflated body in parts. After `stop`, also inside `chunk`, nothing more is called.
 */
export interface InflationSink {
  chunk(bytes: Buffer): void;
  end(): void;
  /** A ServiceError `malformed_request`. */
  fail(error: ServiceError): void;
}

/** A body that is inflated in another thread, 16 KiB at a time. */
export interface Inflation {
  /** Pauses until `resume`. Parts in progress still arrive. */
  pause(): void;
  resume(): void;
  /** Ends the work and frees its memory. */
  stop(): void;
}

/** Starts to inflate a complete body. `encoding` is a result of `encodingOf`. */
export function inflate(body: Buffer, encoding: string, sink: InflationSink): Inflation {
  const decoder = decoders[encoding]!();
  let isOver = false;
  const stop = (): void => {
    if (isOver) return;
    isOver = true;
    decoder.destroy();
  };
  decoder.on('data', (bytes: Buffer) => {
    if (!isOver) sink.chunk(bytes);
  });
  decoder.on('end', () => {
    if (isOver) return;
    stop();
    sink.end();
  });
  decoder.on('error', (cause: Error) => {
    if (isOver) return;
    stop();
    const text = `The body is not ${encoding}: ${cause.message}.`;
    sink.fail(new ServiceError('malformed_request', text, { cause }));
  });
  decoder.end(body);
  return { pause: () => void decoder.pause(), resume: () => void decoder.resume(), stop };
}

/** Limits how many bodies are inflated at once. Others wait, in the order of their requests. */
export interface InflationSlots {
  /** Calls `begin` at once or later. Call `free` once for it. */
  take(begin: () => void): void;
  /** Removes a `begin` that has not been called yet. Returns false if it was called. */
  leave(begin: () => void): boolean;
  free(): void;
}

export function createInflationSlots(slotsMax: number): InflationSlots {
  const waiting = new Set<() => void>();
  let taken = 0;
  return {
    take: (begin) => {
      if (taken >= slotsMax) {
        waiting.add(begin);
        return;
      }
      taken += 1;
      begin();
    },
    leave: (begin) => waiting.delete(begin),
    free: () => {
      const [next] = waiting;
      if (next === undefined) {
        taken -= 1;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
