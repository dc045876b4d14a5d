import { ServiceError } from '../../errors.ts';
import type { BodySink, HttpCall } from '../../http/http-call.ts';
import { CallerGone } from './caller-gone.ts';
import type { RequestMemory } from './request-memory.ts';
import { createUploadWatch, type Upload, type UploadWatch } from './upload-watch.ts';

/** The part of a call that its body needs. */
type RequestCall = Pick<HttpCall, 'headers' | 'receive'>;

/** How the body of one request is read. */
export interface BodyTerms {
  /** The endpoint's limit, for the body as sent and as inflated. */
  readonly bytesMax: number;
  /** The error of a body with this many bytes or more. */
  readonly tooLarge: (bytes: number) => ServiceError;
  /** Counts a body that is large or slow. Called at most once. */
  readonly memory: () => RequestMemory;
  /** Receives each part before it is kept. */
  readonly onChunk?: ((bytes: Buffer) => void) | undefined;
}

export interface BodyReader {
  /**
   * Calls one of the two, once: with the complete body, as sent, or with a ServiceError
   * (`request_too_large`, `request_timeout`) or CallerGone. If the memory is lost, neither is
   * called, because that has its own listener.
   */
  read(
    call: RequestCall,
    onBody: (body: Buffer) => void,
    onError: (error: Error) => void,
    terms: BodyTerms,
  ): void;
  close(): void;
}

export interface BodyReaderOptions {
  readonly requestTimeoutMs: number;
}

/**
 * Nearly all bodies are small and complete within a moment: counting each of them would cost more
 * than it saves. A body is counted if it is larger than this, if it is still arriving at the next
 * sweep (upload-watch.ts), or if the uncounted bodies hold too much together.
 */
const uncountedBytesMax = 64 * 1024;
const uncountedTotalBytesMax = 16 * 1024 * 1024;

interface Shared {
  readonly watch: UploadWatch;
  uncountedBytes: number;
}

export function createBodyReader({ requestTimeoutMs }: BodyReaderOptions): BodyReader {
  const watch = createUploadWatch(requestTimeoutMs);
  const shared: Shared = { watch, uncountedBytes: 0 };
  return {
    read: (call, onBody, onError, terms) => {
      const announced = contentLengthOf(call.headers['content-length']);
      if (announced > terms.bytesMax) {
        onError(terms.tooLarge(announced));
        return;
      }
      const upload = new BodyUpload(shared, terms, announced, onBody, onError);
      call.receive(upload);
      // Most bodies are complete already, and need no deadline.
      if (!upload.done) watch.enter(upload);
    },
    close: watch.close,
  };
}

/** One body, until it is `done`: complete, refused or cut short. */
class BodyUpload implements BodySink, Upload {
  done = false;
  deadline = 0;
  older: Upload | undefined = undefined;
  newer: Upload | undefined = undefined;
  private readonly shared: Shared;
  private readonly terms: BodyTerms;
  private readonly announced: number;
  private readonly onBody: (body: Buffer) => void;
  private readonly onError: (error: Error) => void;
  private memory: RequestMemory | undefined = undefined;
  private chunks: Buffer[] = [];
  private size = 0;

  constructor(
    shared: Shared,
    terms: BodyTerms,
    announced: number,
    onBody: (body: Buffer) => void,
    onError: (error: Error) => void,
  ) {
    this.shared = shared;
    this.terms = terms;
    this.announced = announced;
    this.onBody = onBody;
    this.onError = onError;
  }

  chunk(bytes: Buffer): void {
    if (this.done) return;
    const { terms, shared, memory } = this;
    this.chunks.push(bytes);
    this.size += bytes.length;
    if (memory === undefined) shared.uncountedBytes += bytes.length;
    if (this.size > terms.bytesMax) this.fail(terms.tooLarge(this.size));
    else if (memory !== undefined) memory.add(bytes.length);
    else if (this.size > uncountedBytesMax || shared.uncountedBytes > uncountedTotalBytesMax) {
      this.count();
    }
    if (!this.done) terms.onChunk?.(bytes);
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

  isSlow(): void {
    if (this.memory === undefined) this.count();
  }

  private count(): void {
    this.shared.uncountedBytes -= this.size;
    const memory = this.terms.memory();
    this.memory = memory;
    memory.stopWork = () => this.finish();
    memory.add(this.size);
  }

  private finish(): void {
    if (this.done) return;
    this.done = true;
    this.shared.watch.leave(this);
    if (this.memory === undefined) this.shared.uncountedBytes -= this.size;
    else this.memory.stopWork = undefined;
    // A call holds its sink until it ends, also after a refusal.
    this.chunks = [];
  }
}

function contentLengthOf(text: string | undefined): number {
  if (text === undefined) return -1;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : -1;
}

/** The error of a body that is larger than any endpoint takes. */
export function tooLargeForGate(size: number, limit: number): ServiceError {
  return new ServiceError(
    'request_too_large',
    `The body is at least ${size} bytes; the limit is ${limit} (limits.request_bytes_max), ` +
      'counted after decompression. Split it into smaller requests.',
  );
}
