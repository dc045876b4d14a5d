import { ServiceError } from '../errors.ts';

/** Ends the uploads that take too long. */
export interface UploadWatch {
  /** The upload's `fail` is called once its time is over, unless it left before. */
  enter(fail: (error: Error) => void): Upload;
  leave(upload: Upload): void;
  close(): void;
}

export interface Upload {
  readonly deadline: number;
  readonly fail: (error: Error) => void;
}

/** How often uploads that take too long are looked for: one timer for all of them. */
const sweepIntervalMs = 500;

export function createUploadWatch(requestTimeoutMs: number): UploadWatch {
  // A Set keeps the order of insertion, and all have equally long: the oldest comes first.
  const uploads = new Set<Upload>();

  const sweep = setInterval(() => {
    const now = performance.now();
    for (const upload of uploads) {
      if (upload.deadline > now) break;
      const text = `The body did not arrive within ${requestTimeoutMs} ms (limits.request_timeout).`;
      upload.fail(new ServiceError('request_timeout', text));
    }
  }, sweepIntervalMs);
  sweep.unref();

  return {
    enter: (fail) => {
      const upload = { deadline: performance.now() + requestTimeoutMs, fail };
      uploads.add(upload);
      return upload;
    },
    leave: (upload) => {
      uploads.delete(upload);
    },
    close: () => clearInterval(sweep),
  };
}
