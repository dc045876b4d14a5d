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
 * The windows are bounded: gzip's is 32 KiB, brotli's 16 MiB (large windows are off by default), zstd's the
 * 8 MiB of RFC 9659; else a few bytes could ask for 128 MiB and more.
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

/** What `accept-encoding` and `grpc-accept-encoding` tell. */
export const knownEncodings = 'gzip,br,deflate,zstd,identity';

/**
 * The name of an encoding to undo; undefined: nothing to undo. Throws a ServiceError
 * `unsupported_encoding` when it is not known.
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

/** What a body inflates to, part by part. After `stop`, from `chunk` too, neither of the others is called. */
export interface InflationSink {
  chunk(bytes: Buffer): void;
  end(): void;
  /** A ServiceError `malformed_request`. */
  fail(error: ServiceError): void;
}

/** A body that is being inflated, 16 KiB at a time, in another thread. */
export interface Inflation {
  /** No further parts, until `resume`. What is under way still comes. */
  pause(): void;
  resume(): void;
  /** Ends it, and gives back its memory. */
  stop(): void;
}

/** Begins to inflate a whole body. `encoding`: as `encodingOf` returned it. */
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

/** Bodies that are inflated at the same time. Others wait, in the order in which they came. */
export interface InflationSlots {
  /** Calls `begin` at once or later; call `free` once for it. */
  take(begin: () => void): void;
  /** Takes back a `begin` that has not been called. Returns false if it was. */
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
