import type { Config } from '../config/config.ts';
import type { StreamEndpoint, StreamToOpen } from '../gate/nats/stream-endpoint.ts';
import type { Log } from '../jetstream/log.ts';
import type { ServerAddress } from '../jetstream/server/embedded-server.ts';
import type { Signals } from '../observability/signals.ts';
import { createStoredIds } from '../quarantine/stored-ids.ts';
import { readNatsSources } from './source-server.ts';
import { createMessageTaker } from './take-messages.ts';

export interface NatsIntakeParts {
  readonly config: Config;
  readonly log: Log;
  /** The NATS of the log. */
  readonly address: ServerAddress;
  /** The gate in this process. */
  readonly gate: {
    openStream(options: StreamToOpen): StreamEndpoint;
    close(): Promise<void>;
  };
  readonly signals: Pick<Signals, 'natsIntakeSettled' | 'trouble'>;
}

/** The limit for one process: 16 bytes an id, in tables that are half empty, are 16 MiB. */
const lookedUpIdsMax = 500_000;

/**
 * Takes the events of every source of `intake.nats` in this process. What is wrong with a NATS of the
 * operator never fails the start; settings that can never work throw a StartError. The returned
 * function closes the gate with it: both drain at once, within one grace period.
 */
export function startNatsIntake(parts: NatsIntakeParts): () => Promise<void> {
  const { config, log, address, gate, signals } = parts;
  const findStored = createStoredIds(log, lookedUpIdsMax).find;
  const takers = readNatsSources(config, address).map((source) =>
    createMessageTaker({
      source,
      endpoint: gate.openStream({ source: source.source, format: source.format, findStored }),
      signals,
      dedupWindowMs: config.log.dedupWindowMs,
      stopGraceMs: config.shutdownGraceMs,
    }),
  );
  for (const taker of takers) taker.start();
  return async () => {
    await Promise.all([...takers.map((taker) => taker.stop()), gate.close()]);
  };
}
