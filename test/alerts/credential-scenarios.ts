import { gauge, type Scenario } from './scenario.ts';

/* The alerts about what ends: the certificate, and write keys. */

const common = { interval: '5m', at: '65m' } as const;

const expires = (seconds: number) => ({
  'headgate_certificate_expires_timestamp_seconds{instance="gate-1"}': gauge(seconds, 40),
});
const days = 86_400;

const certificates: readonly Scenario[] = [
  {
    title: 'it expires in ten days',
    series: expires(10 * days + 65 * 60),
    fires: [{ instance: 'gate-1', severity: 'warn' }],
    says: {
      summary:
        'Renew the certificate of gate-1 in its file (runbook): when it has expired, no caller connects.',
      description: 'It expires in 10d 0h 0m 0s.',
    },
  },
  {
    title: 'it expires in two days',
    series: expires(2 * days),
    fires: [
      { instance: 'gate-1', severity: 'warn' },
      { instance: 'gate-1', severity: 'page' },
    ],
  },
  { title: 'it expires in twenty days', series: expires(20 * days), fires: [] },
  { title: 'there is no TLS', series: expires(0), fires: [] },
].map((scenario) => ({ ...common, alert: 'HeadgateCertificateExpires', ...scenario }));

const keys: readonly Scenario[] = [
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

export const credentialScenarios: readonly Scenario[] = [...certificates, ...keys];
