import { readBacklog } from '../jetstream/consume/backlog.ts';
import type { Log } from '../jetstream/log.ts';
import type { Signals } from '../observability/signals.ts';
import type { DeadLetterQueue } from './queue.ts';

export interface DeadLetterGauges {
  start(): void;
  stop(): Promise<void>;
  /** Reads everything once, now. */
  update(): Promise<void>;
}

/** Updates the gauges of waiting events and dead letters of each destination every few seconds. */
export function createDeadLetterGauges(options: {
  readonly log: Log;
  readonly queue: DeadLetterQueue;
  readonly destinations: readonly string[];
  readonly signals: Signals;
  readonly intervalMs?: number;
}): DeadLetterGauges {
  const { log, queue, signals } = options;
  let timer: NodeJS.Timeout | undefined;
  let updating: Promise<void> | undefined;

  const updateOne = async (destination: string): Promise<void> => {
    const [dead, backlog] = await Promise.all([
      queue.countOf(destination),
      readBacklog(log, destination),
    ]);
    signals.deadLetters(destination, dead.count, dead.oldestMs / 1_000);
    // Without a consumer, keep the last value: 0 would mean that no event waits.
    if (backlog === undefined) return;
    signals.destinationPending(destination, backlog.waiting, backlog.aside, backlog.oldestMs);
  };
  const update = (): Promise<void> =>
    (updating ??= Promise.allSettled(options.destinations.map(updateOne)).then(() => {
      updating = undefined;
    }));

  return {
    start: () => {
      timer ??= setInterval(() => void update(), options.intervalMs ?? 5_000);
      void update();
    },
    stop: async () => {
      clearInterval(timer);
      await updating;
    },
    update,
  };
}
