import type { HttpCall } from '../../http/http-call.ts';

/** Tokens and codes have at most a few hundred bytes. */
export const smallBodyBytesMax = 4_096;

const timeoutMs = 10_000;

/** How the reading of a small body ended. */
export type SmallBody =
  | { readonly kind: 'whole'; readonly text: string }
  | { readonly kind: 'too large' | 'too slow' | 'gone' };

/** Reads a body of at most `smallBodyBytesMax` bytes, within ten seconds. Calls back once. */
export function readSmallBody(call: HttpCall, done: (body: SmallBody) => void): void {
  if (Number(call.headers['content-length'] ?? 0) > smallBodyBytesMax) {
    done({ kind: 'too large' });
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  let isDone = false;
  const end = (body: SmallBody): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    done(body);
  };
  const timer = setTimeout(() => end({ kind: 'too slow' }), timeoutMs);
  timer.unref();
  call.receive({
    chunk: (bytes) => {
      if (isDone) return;
      size += bytes.length;
      if (size > smallBodyBytesMax) end({ kind: 'too large' });
      else chunks.push(bytes);
    },
    end: () => end({ kind: 'whole', text: Buffer.concat(chunks).toString('utf8') }),
    cut: () => end({ kind: 'gone' }),
  });
}
