import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';

/**
 * Calls `onEnd` once the service says that no one is signed in. From then on requests fail here: each
 * would be one more wrong try, and pages ask every few seconds.
 */
export function stopAtSessionEnd(onEnd: () => void): Interceptor {
  let isEnded = false;
  return (next) => async (request) => {
    if (isEnded) throw new ConnectError('The session has ended.', Code.Unauthenticated);
    try {
      return await next(request);
    } catch (error) {
      if (!isEnded && ConnectError.from(error).code === Code.Unauthenticated) {
        isEnded = true;
        onEnd();
      }
      throw error;
    }
  };
}
