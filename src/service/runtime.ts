import { setFlagsFromString } from 'node:v8';

import type { Signals } from '../observability/signals.ts';

const maskOfOthers = 0o077;

/**
 * Prepares a process that serves. Call it before it creates a file.
 *
 * Everything that it and its nats-server create holds events or secrets, so that no other user may read
 * it, whatever mask the shell had. Other commands keep the mask, because they write files for people.
 *
 * V8 learns which code allocates long-lived objects, and then allocates them in the old generation
 * at once. Here it learns from the first requests, which wait for connections and compilers, and
 * then treats the objects of every request as long-lived. Each dead object then retains its whole
 * request until the next full collection: 13 MB survived every scavenge, which took 27 ms. Without
 * this behaviour 0.5 MB survive, and a scavenge takes 1 ms (docs/understand/hot-path.md).
 */
export function prepareRuntime(): void {
  process.umask(maskOfOthers);
  setFlagsFromString('--no-allocation-site-pretenuring');
}

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
