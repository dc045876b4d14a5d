import { setTimeout as sleep } from 'node:timers/promises';

import { openOtherStream, type OtherStream } from '../jetstream/other/other-stream.ts';
import type { Signals } from '../observability/signals.ts';
import type { NatsSource } from './source-server.ts';

/** Often enough for people who watch the lag; two small requests each time. */
const watchIntervalMs = 1_000;

/**
 * Reads the consumer of each source again and again, and reports how far it is or why it cannot be
 * used: once for all processes of a gate. The returned function stops it.
 */
export function watchNatsSources(
  sources: readonly NatsSource[],
  signals: Pick<Signals, 'natsIntakeSeen' | 'natsIntakeDown'>,
): () => Promise<void> {
  const stopping = new AbortController();
  const watching = sources.map((source) => watch(source, signals, stopping.signal));
  return async () => {
    stopping.abort();
    await Promise.all(watching);
  };
}

async function watch(
  source: NatsSource,
  signals: Pick<Signals, 'natsIntakeSeen' | 'natsIntakeDown'>,
  stopping: AbortSignal,
): Promise<void> {
  let opened: OtherStream | undefined;
  while (!stopping.aborted) {
    try {
      opened ??= await openOtherStream(source.server, source, `headgate watch ${source.source}`);
      const { pending } = await opened.inspect();
      signals.natsIntakeSeen(source.source, pending);
    } catch (error) {
      if (!stopping.aborted) signals.natsIntakeDown(source.source, (error as Error).message);
      if (opened?.isClosed() === true) opened = undefined;
    }
    await sleep(watchIntervalMs, undefined, { signal: stopping }).catch(() => {});
  }
  await opened?.close();
}
