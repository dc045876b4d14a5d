import { counter, gauge, type Scenario } from './scenario.ts';

/** Every 5 minutes: an hour is 12 samples. */
const common = { interval: '5m', at: '65m' } as const;

const beyond = (source: string, limit: string, instance = 'gate-1'): string =>
  `headgate_source_limited_total{source="${source}",limit="${limit}",instance="${instance}"}`;
const ofDay = (source: string, ratio: number, instance = 'gate-1') => ({
  [`headgate_source_limit_used_ratio{source="${source}",limit="bytes_per_day",instance="${instance}"}`]:
    gauge(ratio, 40),
});

const sourceLimits: readonly Scenario[] = [
  {
    title: 'a request every five seconds is beyond a rate, over two gates',
    series: {
      [beyond('shop', 'events_per_second')]: counter([60, 36]),
      [beyond('shop', 'events_per_second', 'gate-2')]: counter([60, 36]),
      [beyond('billing', 'events_per_second')]: counter([60, 1]),
    },
    fires: [{ source: 'shop', limit: 'events_per_second', severity: 'warn' }],
    says: {
      summary:
        'Ask the owners of shop to send less, or raise its events_per_second (runbook): what is beyond is refused with 429.',
      description: '240m requests a second of shop are beyond its events_per_second.',
    },
  },
  {
    title: 'a request every ten seconds, and no more',
    series: { [beyond('shop', 'bytes_per_day')]: counter([60, 30]) },
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateSourceLimited', ...scenario }));

const sourceDays: readonly Scenario[] = [
  {
    title: '85% of a day, as two gates say',
    series: { ...ofDay('shop', 0.85), ...ofDay('shop', 0.85, 'gate-2'), ...ofDay('billing', 0.1) },
    fires: [{ source: 'shop', severity: 'warn' }],
    says: {
      summary:
        'Raise limits.bytes_per_day of shop, or ask its owners to send less: at 100% everything of it is refused until midnight UTC.',
      description: 'shop has used 85% of its bytes of today.',
    },
  },
  { title: '80% of a day', series: ofDay('shop', 0.8), fires: [] },
].map((scenario) => ({ ...common, alert: 'HeadgateSourceDayFilling', ...scenario }));

export const sourceLimitScenarios: readonly Scenario[] = [...sourceLimits, ...sourceDays];
