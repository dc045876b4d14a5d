import { ServiceError } from '../../errors.ts';

/** Ends the uploads that take too long. */
export interface UploadWatch {
  /** The upload's `fail` is called once its time is over, unless it left before. */
  enter(upload: Upload): void;
  /** Also for one that never entered. */
  leave(upload: Upload): void;
  close(): void;
}

/** What is watched. The fields are the watch's own. */
export interface Upload {
  /** Called at each sweep while the upload is watched. */
  isSlow(): void;
  fail(error: Error): void;
  /** `performance.now()`; 0: it is not watched. */
  deadline: number;
  /** The one that entered before, and the one after. */
  older: Upload | undefined;
  newer: Upload | undefined;
}

/** How often uploads that take too long are looked for: one timer for all of them. */
const sweepIntervalMs = 500;

/**
 * A list through the uploads themselves, oldest first: all have equally long. A Map through which every
 * request passes is made anew by V8 again and again, and what is left of it holds requests that are
 * over (http/http2/stream-table.ts).
 */
export function createUploadWatch(requestTimeoutMs: number): UploadWatch {
  let oldest: Upload | undefined;
  let newest: Upload | undefined;

  const sweep = setInterval(() => {
    const now = performance.now();
    while (oldest !== undefined && oldest.deadline <= now) {
      const upload = oldest;
      leave(upload);
      const text = `The body did not arrive within ${requestTimeoutMs} ms (limits.request_timeout).`;
      upload.fail(new ServiceError('request_timeout', text));
    }
    for (let upload = oldest; upload !== undefined;) {
      // It may leave, and others with it.
      const { newer } = upload;
      if (upload.deadline !== 0) upload.isSlow();
      upload = newer;
    }
  }, sweepIntervalMs);
  sweep.unref();

  const leave = (upload: Upload): void => {
    if (upload.deadline === 0) return;
    upload.deadline = 0;
    const { older, newer } = upload;
    if (older === undefined) oldest = newer;
    else older.newer = newer;
    if (newer === undefined) newest = older;
    else newer.older = older;
    upload.older = undefined;
    upload.newer = undefined;
  };

  return {
    enter: (upload) => {
      upload.deadline = performance.now() + requestTimeoutMs;
      upload.older = newest;
      if (newest === undefined) oldest = upload;
      else newest.newer = upload;
      newest = upload;
    },
    leave,
    close: () => clearInterval(sweep),
  };
}
