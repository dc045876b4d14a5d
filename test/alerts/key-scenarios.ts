import { gauge, type Scenario } from './scenario.ts';

const common = { interval: '5m', at: '65m' } as const;

export const keyScenarios: readonly Scenario[] = [
  {
    title: 'two keys in use expire soon, says every gate',
    series: {
      'headgate_keys_expiring{instance="gate-1"}': gauge(2, 40),
      'headgate_keys_expiring{instance="gate-2"}': gauge(2, 40),
    },
    at: '2h30m',
    fires: [{ severity: 'warn' }],
    says: {
      summary:
        'Rotate the write key, or ask its sender to change to the new one (headgate keys list, runbook): it will be refused soon.',
      description: '2 write keys are in use and expire within 14 days.',
    },
  },
  {
    title: 'a rotated key was used for an hour',
    series: { headgate_keys_expiring: '1x18 0x20' },
    at: '2h30m',
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateKeyExpires', ...scenario }));
