import { randomUUID } from 'node:crypto';

import type { Allowances, GateTaken } from '../../gate/limits/allowances.ts';
import type { LimitReports } from '../../jetstream/limits/limit-reports.ts';
import type { Signals } from '../../observability/signals.ts';

export interface ShareLimitsOptions {
  readonly allowances: Allowances;
  readonly reports: LimitReports;
  readonly signals: Pick<Signals, 'sourceLimitUsed' | 'trouble'>;
}

/** How soon the other gates hear what this one took: docs/operate/source-limits.md. */
const sayIntervalMs = 250;
/** A gate that begins to listen hears everything within this time. */
const sayAgainMs = 5_000;
/** A gate that is killed forgets the bytes of at most this time. */
const keepIntervalMs = 2_000;
/** The time over which the events of a second are counted for the metric. */
const usageIntervalMs = 1_000;

/**
 * Reports to the other gates what this one took of the limits of sources, counts what they took, and keeps
 * the bytes of the day in the log. Resolves once it knows what was taken today. The returned function
 * keeps the rest, and stops.
 */
export async function shareLimits(options: ShareLimitsOptions): Promise<() => Promise<void>> {
  const { allowances, reports, signals } = options;
  const gate = randomUUID();
  const unfollow = reports.follow((text) => {
    const taken = readTaken(text);
    if (taken !== undefined && taken.gate !== gate) allowances.takenElsewhere(taken);
  });
  for await (const text of reports.kept()) {
    const taken = readTaken(text);
    if (taken !== undefined) allowances.takenElsewhere(taken);
  }
  const stopSaying = startSaying(options, gate);
  const keeper = startKeeping(options, gate);
  const reportUsage = (): void => {
    for (const { source, rate, day } of allowances.usage()) {
      if (rate !== undefined) signals.sourceLimitUsed(source, 'events_per_second', rate);
      if (day !== undefined) signals.sourceLimitUsed(source, 'bytes_per_day', day);
    }
  };
  reportUsage();
  const usage = setInterval(reportUsage, usageIntervalMs);
  usage.unref();
  return async () => {
    clearInterval(usage);
    stopSaying();
    unfollow();
    await keeper.stop();
  };
}

function startSaying({ allowances, reports }: ShareLimitsOptions, gate: string): () => void {
  let said = '';
  let saidAt = performance.now();
  const say = (text: string): void => {
    reports.say(text);
    said = text;
    saidAt = performance.now();
  };
  // The others count from what they hear first: it must be before the first event.
  say(JSON.stringify(allowances.taken(gate)));
  const timer = setInterval(() => {
    const text = JSON.stringify(allowances.taken(gate));
    if (text !== said || performance.now() - saidAt >= sayAgainMs) say(text);
  }, sayIntervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

function startKeeping(
  { allowances, reports, signals }: ShareLimitsOptions,
  gate: string,
): { stop(): Promise<void> } {
  let kept = '';
  let underWay = Promise.resolve();
  const keep = async (): Promise<void> => {
    const text = JSON.stringify(allowances.taken(gate));
    const isNothing = Object.keys(allowances.taken(gate).sources).length === 0;
    if (text === kept || isNothing) return;
    try {
      await reports.keep(gate, text);
      kept = text;
    } catch (error) {
      signals.trouble('bytes of a day could not be kept', error);
    }
  };
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    underWay = keep().finally(() => (isBusy = false));
  }, keepIntervalMs);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await underWay;
      await keep();
    },
  };
}

/** Undefined if it is none: anybody with access to NATS can write to the subject. */
function readTaken(text: string): GateTaken | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { gate, day, sources } = (value ?? {}) as Partial<GateTaken>;
  const isReport = typeof gate === 'string' && Number.isInteger(day) && typeof sources === 'object';
  if (!isReport || sources === null) return undefined;
  const areCounts = Object.values(sources).every(
    (each) => isCount(each?.events) && isCount(each?.bytes),
  );
  return areCounts ? { gate, day: day!, sources } : undefined;
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
