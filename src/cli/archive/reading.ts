import { ObjectStoreError } from '../../destinations/objects/object-store.ts';
import { StartError } from '../../errors.ts';

/** Runs work on an archive until ctrl-C. Rejects with a StartError where it cannot be read. */
export async function readingArchive<Value>(
  name: string,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort(new StartError('Interrupted.'));
  process.once('SIGINT', onInterrupt);
  try {
    return await work(stop.signal);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    if (stop.signal.aborted) throw stop.signal.reason;
    // Of a file, or of what is in it.
    const isSystems = cause instanceof Error && 'code' in cause;
    if (!(cause instanceof ObjectStoreError) && !isSystems) throw cause;
    const reason = cause.message;
    throw new StartError(`The archive "${name}" could not be read: ${reason}`, { cause });
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}
