import { randomUUID } from 'node:crypto';

import { onCanaryArrival } from '../jetstream/read/canary-arrivals.ts';
import type { Log } from '../jetstream/log.ts';
import type { Signals } from '../observability/signals.ts';
import type { SendHeartbeat } from './send-heartbeat.ts';

export interface Heartbeat {
  start(): void;
  /** Aborts the running heartbeat. */
  stop(): Promise<void>;
}

export interface HeartbeatOptions {
  readonly log: Log;
  readonly signals: Signals;
  readonly intervalMs: number;
  readonly send: SendHeartbeat;
}

/** How many heartbeats may be awaited. Older ones are given up and never count as arrived. */
const awaitedMax = 1_000;

/**
 * Sends an event through our own endpoint every interval, and counts it when a worker receives it
 * from the log. Sends one at a time: while the endpoint does not answer, another one would show
 * nothing new.
 */
export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { log, signals, intervalMs, send } = options;
  const awaited = new Map<string, { readonly sentAtMs: number; readonly startedAt: number }>();
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;
  let stopListening = (): void => {};

  const beat = async (): Promise<void> => {
    const key = randomUUID();
    const startedAt = performance.now();
    signals.canarySent();
    awaited.set(key, { sentAtMs: Date.now(), startedAt });
    const [oldest] = awaited.keys();
    if (awaited.size > awaitedMax) awaited.delete(oldest!);
    try {
      await send(key, stopping.signal);
      signals.canaryAccepted((performance.now() - startedAt) / 1_000);
    } catch (error) {
      // The log may have stored it all the same; then it still arrives.
      if (!stopping.signal.aborted) signals.canaryFailed((error as Error).message);
    }
  };
  const tick = (): void => {
    underWay ??= beat().finally(() => {
      underWay = undefined;
    });
  };
  const arrived = (key: string): void => {
    const sent = awaited.get(key);
    // Another gate has sent it, or it arrived before.
    if (sent === undefined) return;
    awaited.delete(key);
    signals.canaryArrived(sent.sentAtMs, (performance.now() - sent.startedAt) / 1_000);
  };
  return {
    start: () => {
      if (timer !== undefined) return;
      stopListening = onCanaryArrival(log, arrived);
      signals.canaryStarted(intervalMs);
      timer = setInterval(tick, intervalMs);
      tick();
    },
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await underWay;
      stopListening();
    },
  };
}
