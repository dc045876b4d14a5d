import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { isEventStream, streamNames } from '../topology.ts';

/** Reports how full the streams are. */
export interface StreamGauges {
  /** Resolves after the first reading. */
  start(): Promise<void>;
  /** Waits for a reading in progress. */
  stop(): Promise<void>;
  /** Reads all streams once. Never rejects: while the log is unreachable the last figures stay. */
  update(): Promise<void>;
}

export interface StreamGaugesOptions {
  readonly log: Log;
  readonly onSize: (stream: string, bytes: number, bytesMax: number) => void;
  /** Default: 15 s, a usual scrape interval of Prometheus. */
  readonly intervalMs?: number;
}

export function createStreamGauges(options: StreamGaugesOptions): StreamGauges {
  // The server may also have streams of other programs.
  const ours = new Set<string>(streamNames);
  let timer: NodeJS.Timeout | undefined;
  let updating: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    const events = { bytes: 0, bytesMax: 0 };
    for await (const { config, state } of clientsOf(options.log).manager.streams.list()) {
      const { name } = config;
      if (isEventStream(name)) {
        events.bytes += state.bytes;
        // A stream that takes no events any more has the room that its events take.
        events.bytesMax += Math.max(state.bytes, config.max_bytes);
      } else if (ours.has(name)) options.onSize(name, state.bytes, config.max_bytes);
    }
    if (events.bytesMax > 0) options.onSize('EVENTS', events.bytes, events.bytesMax);
  };
  const update = (): Promise<void> =>
    (updating ??= read()
      .catch(() => {})
      .finally(() => {
        updating = undefined;
      }));

  return {
    start: async () => {
      timer ??= setInterval(() => void update(), options.intervalMs ?? 15_000);
      await update();
    },
    stop: async () => {
      clearInterval(timer);
      await updating;
    },
    update,
  };
}
