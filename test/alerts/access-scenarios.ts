import { counter, gauge, type Scenario } from './scenario.ts';

/* Who may connect: tokens of operators, and certificates. */

const common = { interval: '5m', at: '65m' } as const;

const wrongTokens = 'headgate_operator_refused_total{reason="wrong_token"}';

const operatorTokens: readonly Scenario[] = [
  {
    title: 'an address tries a token each second',
    series: { [wrongTokens]: counter([60, 300]) },
    fires: [{ severity: 'warn' }],
    says: {
      summary:
        'Find who sends wrong tokens to the admin port (the log line "wrong tokens at the admin port" names the address).',
      description: '1 requests a second have a token that is not known.',
    },
  },
  {
    title: 'a token every ten seconds, and no more',
    series: { [wrongTokens]: counter([60, 30]) },
    fires: [],
  },
  {
    title: 'requests without a token, and with one of another role',
    series: {
      'headgate_operator_refused_total{reason="no_token"}': counter([60, 600]),
      'headgate_operator_refused_total{reason="role"}': counter([60, 600]),
    },
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateOperatorTokensWrong', ...scenario }));

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
  {
    title: 'that of the admin port expires too',
    series: {
      ...expires(10 * days),
      'headgate_admin_certificate_expires_timestamp_seconds{instance="gate-1"}': gauge(
        2 * days + 65 * 60,
        40,
      ),
    },
    fires: [
      { instance: 'gate-1', severity: 'warn' },
      { instance: 'gate-1', port: 'admin', severity: 'warn' },
      { instance: 'gate-1', port: 'admin', severity: 'page' },
    ],
  },
  {
    title: 'only that of the admin port expires',
    series: {
      ...expires(0),
      'headgate_admin_certificate_expires_timestamp_seconds{instance="gate-1"}': gauge(
        10 * days + 65 * 60,
        40,
      ),
    },
    fires: [{ instance: 'gate-1', port: 'admin', severity: 'warn' }],
    says: {
      summary:
        'Renew the certificate of gate-1 (admin port) in its file (runbook): when it has expired, no caller connects.',
      description: 'It expires in 10d 0h 0m 0s.',
    },
  },
].map((scenario) => ({ ...common, alert: 'HeadgateCertificateExpires', ...scenario }));

export const accessScenarios: readonly Scenario[] = [...operatorTokens, ...certificates];
