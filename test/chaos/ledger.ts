/** When something happened, and the longest time without it. Times are `performance.now()`. */
export interface Pulse {
  beat(): void;
  /** Beats since then. */
  countSince(fromMs: number): number;
  longestGapMs(fromMs: number, toMs: number): number;
}

export function createPulse(): Pulse {
  const times: number[] = [];
  return {
    beat: () => void times.push(performance.now()),
    countSince: (fromMs) => times.filter((time) => time >= fromMs).length,
    longestGapMs: (fromMs, toMs) => {
      let last = fromMs;
      let longest = 0;
      for (const time of [...times.filter((one) => one >= fromMs && one <= toMs), toMs]) {
        longest = Math.max(longest, time - last);
        last = time;
      }
      return longest;
    },
  };
}

/** What the producer knows, kept apart from everything that Headgate stores. */
export interface Ledger {
  /** Every key that was sent. */
  readonly sent: Set<string>;
  /** The event_id of every key that was answered ACCEPTED or DUPLICATE. */
  readonly acknowledged: Map<string, string>;
  readonly acknowledgements: Pulse;
  /** First deliveries of an event to the webhook. */
  readonly deliveries: Pulse;
}

export function createLedger(): Ledger {
  return {
    sent: new Set(),
    acknowledged: new Map(),
    acknowledgements: createPulse(),
    deliveries: createPulse(),
  };
}

/** What the places that keep events hold at the end. */
export interface Holdings {
  /** The key of every event in the log; undefined where the log may have deleted some. */
  readonly log: readonly string[] | undefined;
  /** `[event_id, key]` of every row. */
  readonly warehouse: readonly (readonly [string, string])[];
  /** The key of every event_id that the webhook took. */
  readonly webhook: ReadonlyMap<string, string>;
}

export interface Comparison {
  /** The acknowledged keys that a place lacks, by place. */
  readonly lost: Readonly<Record<'log' | 'warehouse' | 'webhook', readonly string[]>>;
  /** Keys that a place holds twice: the log, a row, or the webhook under two event_ids. */
  readonly doubled: readonly string[];
}

/** Compares for the keys of this ledger alone: the places may hold those of others. */
export function compare(ledger: Ledger, holdings: Holdings): Comparison {
  const { sent, acknowledged } = ledger;
  const inLog = holdings.log === undefined ? undefined : new Set(holdings.log);
  const rows = new Set(holdings.warehouse.map(([eventId]) => eventId));
  const lacking = (has: (key: string, eventId: string) => boolean): string[] =>
    [...acknowledged].filter(([key, eventId]) => !has(key, eventId)).map(([key]) => key);
  const places: (readonly string[])[] = [
    holdings.log ?? [],
    holdings.warehouse.map(([, key]) => key),
    [...holdings.webhook.values()],
  ];
  const doubled = new Set<string>();
  for (const keys of places) {
    const seen = new Set<string>();
    for (const key of keys) {
      if (seen.has(key) && sent.has(key)) doubled.add(key);
      seen.add(key);
    }
  }
  return {
    lost: {
      log: lacking((key) => inLog === undefined || inLog.has(key)),
      warehouse: lacking((_key, eventId) => rows.has(eventId)),
      webhook: lacking((_key, eventId) => holdings.webhook.has(eventId)),
    },
    doubled: [...doubled],
  };
}
