import { stoppedText } from './destination.ts';

/** A signal as something to race against. */
export interface Aborted {
  /** Rejects when the signal is aborted, at once where it is already. Never resolves. */
  readonly promise: Promise<never>;
  /** Removes the listener from the signal, which may live long. */
  forget(): void;
}

export function whenAborted(signal: AbortSignal): Aborted {
  const { promise, reject } = Promise.withResolvers<never>();
  // Most races end without an abort, and then nothing listens.
  promise.catch(() => undefined);
  const onAbort = (): void => reject(new Error(stoppedText));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) };
}
