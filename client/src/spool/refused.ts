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

export function fullError(bytesMax: number, cause: unknown): HeadgateError {
  const message =
    cause === undefined
      ? `The spool is full (bytesMax is ${bytesMax}): the gate is away, slower than track(), or says retry.`
      : `The spool cannot be written: ${(cause as Error).message}.`;
  return new HeadgateError('spool_full', message, { cause });
}

export function asFailure(error: unknown, directory: string): HeadgateError {
  if (error instanceof HeadgateError) return error;
  const message = `The spool directory ${directory} cannot be opened: ${(error as Error).message}.`;
  return new HeadgateError('spool_failed', message, { cause: error });
}
