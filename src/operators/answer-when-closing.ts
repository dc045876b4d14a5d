import type { Interceptor } from '@connectrpc/connect';

import { ServiceError } from '../errors.ts';

/**
 * Answers the RPCs that still run when `closing` is aborted with a ServiceError `shutting_down`, instead of leaving
 * their connections to be cut: a caller could not tell that from a fault of the network. What an RPC has begun goes on
 * as far as it gets. Streams end in their own way.
 */
export function answerWhenClosing(closing: AbortSignal): Interceptor {
  return (next) => async (request) => {
    if (request.stream) return await next(request);
    let stopWaiting = (): void => {};
    const closed = new Promise<never>((_, reject) => {
      const end = (): void => reject(new ServiceError('shutting_down', endedText));
      if (closing.aborted) return end();
      closing.addEventListener('abort', end, { once: true });
      stopWaiting = () => closing.removeEventListener('abort', end);
    });
    try {
      return await Promise.race([next(request), closed]);
    } finally {
      stopWaiting();
    }
  };
}

const endedText = 'The gate was stopped before this was done; a part of it may be done.';
