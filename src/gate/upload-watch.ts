import { ServiceError } from '../errors.ts';

/** Ends the uploads that take too long. */
export interface UploadWatch {
  /** The upload's `fail` is called once its time is over, unless it left before. */
  enter(upload: Upload): void;
  leave(upload: Upload): void;
  close(): void;
}

export interface Upload {
  fail(error: Error): void;
}

/** How often uploads that take too long are looked for: one timer for all of them. */
const sweepIntervalMs = 500;

export function createUploadWatch(requestTimeoutMs: number): UploadWatch {
  // Deadlines. A Map keeps the order of insertion, and all have equally long: the oldest comes first.
  const uploads = new Map<Upload, number>();

  const sweep = setInterval(() => {
    const now = performance.now();
    for (const [upload, deadline] of uploads) {
      if (deadline > now) break;
      const text = `The body did not arrive within ${requestTimeoutMs} ms (limits.request_timeout).`;
      upload.fail(new ServiceError('request_timeout', text));
    }
  }, sweepIntervalMs);
  sweep.unref();

  return {
    enter: (upload) => {
      uploads.set(upload, performance.now() + requestTimeoutMs);
    },
    leave: (upload) => {
      uploads.delete(upload);
    },
    close: () => clearInterval(sweep),
  };
}
