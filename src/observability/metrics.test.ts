import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { errorCodes, errorEntry, grpcCodeNames } from '../errors.ts';
import { eventStatuses, type Verdict } from '../event/verdict.ts';
import {
  createMetrics,
  deliveryOutcomes,
  labelledUnplannedMax,
  labelledPairsMax,
  labelledSourcesMax,
  otherLabel,
  protocols,
  rpcs,
} from './metrics.ts';
import { createSignals } from './signals.ts';

const labels = {
  sources: ['checkout'],
  eventNames: ['order_completed'],
  destinations: ['warehouse'],
};

async function series(metrics: ReturnType<typeof createMetrics>): Promise<Map<string, number>> {
  const page = await metrics.registry.metrics();
  return new Map(
    page
      .split('\n')
      .filter((line) => line.startsWith('headgate_'))
      .map((line) => [
        line.slice(0, line.lastIndexOf(' ')),
        Number(line.slice(line.lastIndexOf(' ') + 1)),
      ]),
  );
}

const verdict = (status: Verdict['status'], code = ''): Verdict =>
  ({
    status,
    warnings: [],
    timestampMs: 1_750_000_000_000,
    error: code === '' ? undefined : { code },
  }) as Partial<Verdict> as Verdict;

describe('the metrics', () => {
  test('all exist from the start, at 0', async () => {
    const found = await series(createMetrics(labels));
    expect([...found.values()].every((value) => value === 0)).toBe(true);
    const count = (name: string): number =>
      [...found.keys()].filter((key) => key.startsWith(`${name}{`) || key === name).length;
    const eventCodes = errorCodes.filter(
      (code) => errorEntry(code).scope === 'event' && code !== 'not_stored',
    );
    expect(count('headgate_events_total')).toBe(2 * 2 * eventStatuses.length);
    expect(count('headgate_validation_failures_total')).toBe(2 * 2 * eventCodes.length);
    expect(count('headgate_requests_total')).toBe(
      rpcs.length * protocols.length * grpcCodeNames.length,
    );
    expect(count('headgate_deliveries_total')).toBe(deliveryOutcomes.length);
    expect(count('headgate_request_duration_seconds_count')).toBe(rpcs.length * protocols.length);
    for (const name of ['publish_duration_seconds_count', 'delivery_latency_seconds_count']) {
      expect(count(`headgate_${name}`)).toBe(1);
    }
    for (const name of [
      'destination_pending',
      'destination_parked',
      'destination_oldest_timestamp_seconds',
      'destination_paused_timestamp_seconds',
      'dead_letters',
      'dead_letter_oldest_timestamp_seconds',
    ]) {
      expect(found.get(`headgate_${name}{destination="warehouse"}`)).toBe(0);
    }
    expect(count('headgate_last_event_timestamp_seconds')).toBe(2);
  });

  test('have only the series of the start, for any counts', async () => {
    const metrics = createMetrics(labels);
    const before = (await series(metrics)).size;
    const signals = createSignals(metrics, pino({ level: 'silent' }));
    for (const name of ['order_completed', 'made_up', '', '__proto__', '"}\n']) {
      for (const status of eventStatuses) {
        signals.eventValidated(
          'checkout',
          name,
          verdict(status, status === 'rejected' ? 'schema_violation' : ''),
        );
      }
    }
    signals.requestAnswered('Track', 'grpc', 0, 0.1);
    signals.requestAnswered('Track', 'grpc', 99, 0.1);
    const after = await series(metrics);
    expect(after.size).toBe(before);
    const events = (name: string): number | undefined =>
      after.get(`headgate_events_total{source="checkout",event_name="${name}",outcome="accepted"}`);
    expect(events('order_completed')).toBe(1);
    expect(events(otherLabel)).toBe(4);
    expect(
      after.get(
        `headgate_validation_failures_total{source="checkout",event_name="${otherLabel}",code="schema_violation"}`,
      ),
    ).toBe(4);
    expect(after.get('headgate_requests_total{rpc="Track",protocol="grpc",code="unknown"}')).toBe(
      1,
    );
    expect(after.get('headgate_last_event_timestamp_seconds{event_name="order_completed"}')).toBe(
      1_750_000_000,
    );
  });
});

describe('unplanned names', () => {
  const accept = (names: readonly string[], sources: readonly string[] = ['checkout']) => {
    const metrics = createMetrics({ ...labels, sources });
    metrics.labelUnplanned(true);
    const signals = createSignals(metrics, pino({ level: 'silent' }));
    for (const name of names) signals.eventValidated('checkout', name, verdict('accepted', ''));
    return metrics;
  };
  const names = Array.from({ length: labelledUnplannedMax + 5 }, (_, at) => `Name ${at}`);

  test('that were accepted have series, up to a limit', async () => {
    const found = await series(accept(['_mine', 'a"\\\nb', ...names]));
    const counted = (name: string): number | undefined =>
      found.get(`headgate_events_total{source="checkout",event_name="${name}",outcome="accepted"}`);
    expect(counted('a\\"\\\\\\nb')).toBe(1);
    expect(counted(names[labelledUnplannedMax - 2]!)).toBe(1);
    expect(counted(names[labelledUnplannedMax - 1]!)).toBeUndefined();
    expect(counted(otherLabel)).toBe(7);
  });

  test('leave room for contracts that come later', () => {
    const sources = Array.from({ length: labelledSourcesMax }, (_, at) => `source_${at}`);
    const metrics = accept(names, sources);
    const { size } = metrics.unplannedNames;
    expect(size).toBeGreaterThan(0);
    metrics.addEventNames(['order_paid']);
    expect(metrics.gauges.lastEvent.has('order_paid')).toBe(true);
    expect(size * (labelledSourcesMax + 1)).toBeLessThanOrEqual(labelledPairsMax / 2);
  });
});

describe('the number of series', () => {
  const madeUp = 100_000;

  test('does not grow with made-up names, sources and codes', async () => {
    const metrics = createMetrics(labels);
    const signals = createSignals(metrics, pino({ level: 'silent' }));
    for (const status of eventStatuses)
      signals.eventValidated('checkout', 'no', verdict(status, 'no'));
    const before = (await series(metrics)).size;
    for (let index = 0; index < madeUp; index += 1) {
      const [source, name, code] = [`source-${index}`, `name_${index}_done`, `code_${index}`];
      const warnings = [{ code, message: '', violations: [] }];
      signals.eventValidated(source, name, { ...verdict('rejected', code), warnings });
    }
    const after = await series(metrics);
    // Codes in no table are counted as `_other`, for two sources.
    expect(after.size).toBeLessThanOrEqual(before + 4);
    const rejected =
      'headgate_events_total{source="_other",event_name="_other",outcome="rejected"}';
    expect(after.get(rejected)).toBe(madeUp);
  });

  test('is bounded for known events and sources; the others are counted', async () => {
    const names = Array.from({ length: 3_000 }, (_, index) => `name_${index}_done`);
    const sources = Array.from({ length: labelledSourcesMax + 1 }, (_, index) => `source-${index}`);
    const metrics = createMetrics({ ...labels, sources, eventNames: names.slice(0, 10) });
    const pairs = (found: Map<string, number>): number =>
      [...found.keys()].filter((key) => /^headgate_events_total.*outcome="accepted"/.test(key))
        .length;
    const few = await series(metrics);
    expect(pairs(few)).toBe((labelledSourcesMax + 1) * 11);
    expect(few.get('headgate_unlabelled{what="source"}')).toBe(1);
    expect(few.get('headgate_unlabelled{what="event_name"}')).toBe(0);
    metrics.addEventNames(names);
    const many = await series(metrics);
    expect(pairs(many)).toBeLessThanOrEqual(labelledPairsMax);
    const namesMax = Math.floor(labelledPairsMax / (labelledSourcesMax + 1));
    expect(many.get('headgate_unlabelled{what="event_name"}')).toBe(names.length - namesMax + 1);
    const signals = createSignals(metrics, pino({ level: 'silent' }));
    signals.eventValidated(sources.at(-1)!, names.at(-1)!, verdict('accepted'));
    const counted = await series(metrics);
    expect(counted.size).toBe(many.size);
    const other = 'headgate_events_total{source="_other",event_name="_other",outcome="accepted"}';
    expect(counted.get(other)).toBe(1);
  });
});

describe('sources of keys that are created later', () => {
  const unlabelled = 'headgate_unlabelled{what="source"}';
  const accepted = (source: string): string =>
    `headgate_events_total{source="${source}",event_name="order_completed",outcome="accepted"}`;
  const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `s${at}`);

  test('have series from then on, at 0, and are counted under their names', async () => {
    const metrics = createMetrics(labels);
    const signals = createSignals(metrics, pino({ level: 'silent' }));
    signals.eventValidated('shop', 'order_completed', verdict('accepted'));
    metrics.addSources(['shop', 'checkout', 'shop']);
    expect((await series(metrics)).get(accepted('shop'))).toBe(0);
    signals.eventValidated('shop', 'order_completed', verdict('accepted'));
    const page = await series(metrics);
    expect(page.get(accepted('shop'))).toBe(1);
    expect(page.get(accepted(otherLabel))).toBe(1);
    expect(page.get('headgate_quarantine_bytes{source="shop"}')).toBe(0);
  });

  test('have them up to the limit of sources', async () => {
    const metrics = createMetrics({ ...labels, sources: named(labelledSourcesMax - 1) });
    metrics.addSources(['last', 'beyond', 'beyond']);
    const page = await series(metrics);
    expect(page.has(accepted('last'))).toBe(true);
    expect(page.has(accepted('beyond'))).toBe(false);
    expect(page.get(unlabelled)).toBe(1);
  });

  test('have them up to the limit of pairs', async () => {
    const eventNames = Array.from({ length: labelledPairsMax / 10 - 1 }, (_, at) => `e${at}`);
    const metrics = createMetrics({ ...labels, sources: named(7), eventNames });
    metrics.addSources(['ninth', 'tenth', 'eleventh']);
    const page = await series(metrics);
    expect(page.has('headgate_quarantine_bytes{source="tenth"}')).toBe(true);
    expect(page.has('headgate_quarantine_bytes{source="eleventh"}')).toBe(false);
    expect(page.get(unlabelled)).toBe(1);
    // No room is left for an event.
    metrics.addEventNames(['another']);
    expect((await series(metrics)).get('headgate_unlabelled{what="event_name"}')).toBe(1);
  });
});
