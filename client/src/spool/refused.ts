import { HeadgateError } from '../headgate-error.ts';

/** Returns a rejected promise that does not end the program if the caller does not await it. */
export function refused(why: HeadgateError): Promise<never> {
  const promise = Promise.reject(why);
  promise.catch(() => {});
  return promise;
}

export function closedError(): HeadgateError {
  return new HeadgateError('closed', 'The client is closed: it accepts no events after close().');
}
