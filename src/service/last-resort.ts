import type { Signals } from '../observability/signals.ts';

/**
 * Keeps the process alive after a rejection that no code handles, and reports it: Node would end
 * the process, and with it every request and delivery under way. Nothing relies on this: every
 * rejection that is expected is handled where it arises (test/crash/broken-connections.test.ts).
 * An exception that is thrown outside of a promise still ends the process. The returned function
 * removes the handler.
 */
export function surviveRejections({
  rejectionUnhandled,
}: Pick<Signals, 'rejectionUnhandled'>): () => void {
  process.on('unhandledRejection', rejectionUnhandled);
  return () => {
    process.off('unhandledRejection', rejectionUnhandled);
  };
}
