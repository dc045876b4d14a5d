/** A signal as something to race against. */
export interface Aborted {
  /** Rejects when the signal is aborted, at once where it is already. Never resolves. */
  readonly promise: Promise<never>;
  /** Lets go of the signal, which may live for long. */
  forget(): void;
}

export function whenAborted(signal: AbortSignal): Aborted {
  const { promise, reject } = Promise.withResolvers<never>();
  // Most races end otherwise, and then nobody listens.
  promise.catch(() => undefined);
  const onAbort = (): void => reject(new Error('the delivery was stopped'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) };
}
