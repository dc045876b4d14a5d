import { ServiceError } from '../../errors.ts';

/** Ends uploads that take too long. */
export interface UploadWatch {
  /** The upload's `fail` is called once its time is over, unless it left before. */
  enter(upload: Upload): void;
  /** May also be called for an upload that never entered. */
  leave(upload: Upload): void;
  close(): void;
}

/** A watched upload. Only the watch uses the fields. */
export interface Upload {
  /** Called at each sweep while the upload is watched. */
  isSlow(): void;
  fail(error: Error): void;
  /** `performance.now()`; 0 if it is not watched. */
  deadline: number;
  /** The uploads that entered directly before and after it. */
  older: Upload | undefined;
  newer: Upload | undefined;
}

/** How often the watch checks for slow uploads. One timer serves all of them. */
const sweepIntervalMs = 500;
/** A turn of the event loop does so much of it: thousands of uploads may be slow, or late, at once. */
const sweepTurnMs = 1;

/**
 * A linked list of the uploads, oldest first, because all have the same time limit. V8 rebuilds a
 * Map through which every request passes again and again, and its remains hold finished requests
 * (http/http2/stream-table.ts).
 */
export function createUploadWatch(requestTimeoutMs: number): UploadWatch {
  let oldest: Upload | undefined;
  let newest: Upload | undefined;

  /** The next one that the sweep looks at. Undefined: it has seen all. */
  let next: Upload | undefined;
  let isSweeping = false;

  const sweepTurn = (): void => {
    const startedAt = performance.now();
    let now = startedAt;
    while (now - startedAt < sweepTurnMs) {
      if (oldest !== undefined && oldest.deadline <= now) fail(oldest);
      else if (next !== undefined) {
        const upload = next;
        // It may leave, and others with it.
        next = upload.newer;
        upload.isSlow();
      } else {
        isSweeping = false;
        return;
      }
      now = performance.now();
    }
    setImmediate(sweepTurn);
  };
  const fail = (upload: Upload): void => {
    leave(upload);
    const text = `The body did not arrive within ${requestTimeoutMs} ms (limits.request_timeout).`;
    upload.fail(new ServiceError('request_timeout', text));
  };
  const sweep = setInterval(() => {
    if (isSweeping) return;
    isSweeping = true;
    next = oldest;
    sweepTurn();
  }, sweepIntervalMs);
  sweep.unref();

  const leave = (upload: Upload): void => {
    if (upload.deadline === 0) return;
    upload.deadline = 0;
    const { older, newer } = upload;
    if (next === upload) next = newer;
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
