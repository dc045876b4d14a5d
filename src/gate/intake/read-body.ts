import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress, type ZlibOptions } from 'node:zlib';

import { ServiceError } from '../../errors.ts';
import type { BodySink, HttpCall } from '../../http/http-call.ts';
import { createUploadWatch, type Upload, type UploadWatch } from './upload-watch.ts';

/** The caller went away before its request was whole: there is nobody to answer. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

/** As much of a call as its body takes. */
type RequestCall = Pick<HttpCall, 'headers' | 'receive'>;

export interface BodyReader {
  /**
   * Calls one of the two, once: with the whole body, as sent, or with a ServiceError
   * (`request_too_large`, `request_timeout`, `overloaded`) or CallerGone.
   */
  read(call: RequestCall, onBody: (body: Buffer) => void, onError: (error: Error) => void): void;
  close(): void;
}

export interface BodyReaderOptions {
  readonly requestBytesMax: number;
  readonly requestTimeoutMs: number;
  /** Bodies under way, all together: what many slow uploads may hold of our memory. */
  readonly bufferedBytesMax: number;
}

export function createBodyReader(options: BodyReaderOptions): BodyReader {
  const { requestBytesMax, requestTimeoutMs } = options;
  const room: Room = { options, watch: createUploadWatch(requestTimeoutMs), buffered: 0 };
  return {
    read: (call, onBody, onError) => {
      const announced = contentLengthOf(call.headers['content-length']);
      if (announced > requestBytesMax) {
        onError(tooLarge(announced, requestBytesMax));
        return;
      }
      const upload = new BodyUpload(room, announced, onBody, onError);
      call.receive(upload);
      // Most are here already, and need no deadline.
      if (!upload.done) room.watch.enter(upload);
    },
    close: room.watch.close,
  };
}

/** What all uploads of a reader share. */
interface Room {
  readonly options: BodyReaderOptions;
  readonly watch: UploadWatch;
  /** Bytes held now. */
  buffered: number;
}

/** One body on its way, until `done`: whole, refused or cut short. */
class BodyUpload implements BodySink, Upload {
  done = false;
  deadline = 0;
  older: Upload | undefined = undefined;
  newer: Upload | undefined = undefined;
  private readonly room: Room;
  private readonly announced: number;
  private readonly onBody: (body: Buffer) => void;
  private readonly onError: (error: Error) => void;
  private chunks: Buffer[] = [];
  private size = 0;

  constructor(
    room: Room,
    announced: number,
    onBody: (body: Buffer) => void,
    onError: (error: Error) => void,
  ) {
    this.room = room;
    this.announced = announced;
    this.onBody = onBody;
    this.onError = onError;
  }

  chunk(bytes: Buffer): void {
    if (this.done) return;
    const { room } = this;
    const { requestBytesMax, bufferedBytesMax } = room.options;
    this.chunks.push(bytes);
    this.size += bytes.length;
    room.buffered += bytes.length;
    if (this.size > requestBytesMax) this.fail(tooLarge(this.size, requestBytesMax));
    else if (room.buffered > bufferedBytesMax) {
      const text = 'Too many large requests are being read at once.';
      this.fail(new ServiceError('overloaded', text, { retryAfterMs: 1000 }));
    }
  }

  end(): void {
    if (this.done) return;
    const { chunks, announced, size } = this;
    this.finish();
    if (announced >= 0 && announced !== size) this.onError(new CallerGone());
    else this.onBody(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
  }

  /** Every request closes in the end: an error, and its stack, is made only for those cut short. */
  cut(): void {
    if (!this.done) this.fail(new CallerGone());
  }

  fail(error: Error): void {
    if (this.done) return;
    this.finish();
    this.onError(error);
  }

  private finish(): void {
    this.done = true;
    this.room.watch.leave(this);
    this.room.buffered -= this.size;
    // A call holds its sink until it ends, also after a refusal.
    this.chunks = [];
  }
}

function contentLengthOf(text: string | undefined): number {
  if (text === undefined) return -1;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : -1;
}

function tooLarge(size: number, limit: number): ServiceError {
  return new ServiceError(
    'request_too_large',
    `The body is at least ${size} bytes; the limit is ${limit} (limits.request_bytes_max), ` +
      'counted after decompression. Split it into smaller requests.',
  );
}

type Decompress = (body: Uint8Array, options: ZlibOptions) => Promise<Buffer>;

const decompressors: Readonly<Record<string, Decompress>> = {
  gzip: promisify<Uint8Array, ZlibOptions, Buffer>(gunzip),
  'x-gzip': promisify<Uint8Array, ZlibOptions, Buffer>(gunzip),
  deflate: promisify<Uint8Array, ZlibOptions, Buffer>(inflate),
  br: promisify(brotliDecompress) as Decompress,
  zstd: promisify(zstdDecompress) as Decompress,
};

/** What `accept-encoding` and `grpc-accept-encoding` tell. */
export const knownEncodings = 'gzip,br,deflate,zstd,identity';

/**
 * Undoes a content encoding; stops as soon as the result passes the limit, however small the input.
 * Throws a ServiceError: `unsupported_encoding`, `request_too_large`, `malformed_request`.
 */
export async function decompressBody(
  body: Buffer,
  encoding: string,
  requestBytesMax: number,
): Promise<Buffer> {
  const name = encoding.trim().toLowerCase();
  const decompress = findDecompress(name);
  // Connect: "Servers must not attempt to decompress zero-length HTTP request content."
  if (decompress === undefined || body.length === 0) return body;
  try {
    return await decompress(body, { maxOutputLength: requestBytesMax });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(requestBytesMax + 1, requestBytesMax);
    }
    throw new ServiceError(
      'malformed_request',
      `The body is not ${name}: ${(cause as Error).message}.`,
      {
        cause,
      },
    );
  }
}

/** Undefined: nothing to undo. Throws a ServiceError `unsupported_encoding` when it is not known. */
export function findDecompress(encoding: string): Decompress | undefined {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  if (Object.hasOwn(decompressors, name)) return decompressors[name];
  throw new ServiceError(
    'unsupported_encoding',
    `The encoding "${name.slice(0, 40)}" is not known here. Use one of ${knownEncodings}.`,
  );
}

/** The body of a request whose `content-encoding` says how it is packed. */
export function unpackBody(
  { call }: { readonly call: RequestCall },
  body: Buffer,
  bytesMax: number,
): Buffer | Promise<Buffer> {
  const encoding = call.headers['content-encoding'];
  return encoding === undefined || encoding === ''
    ? body
    : decompressBody(body, encoding, bytesMax);
}
