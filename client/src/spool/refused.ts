import { HeadgateError } from '../headgate-error.ts';

/** A rejected promise that ends no program when nobody awaits it. */
export function refused(why: HeadgateError): Promise<never> {
  const promise = Promise.reject(why);
  promise.catch(() => {});
  return promise;
}

export function closedError(): HeadgateError {
  return new HeadgateError('closed', 'The client is closed: track() came after close().');
}
