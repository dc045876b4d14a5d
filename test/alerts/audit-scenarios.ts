import { gauge, stream, type Scenario } from './scenario.ts';

/** Every 5 minutes: an hour is 12 samples. */
const common = { interval: '5m', at: '65m' } as const;

const auditFilling: readonly Scenario[] = [
  {
    title: '85% full, as two gates tell',
    series: {
      ...stream('AUDIT', gauge(850, 40), 1000),
      ...stream('AUDIT', gauge(850, 40), 1000, 'gate-2'),
    },
    fires: [{ severity: 'warn' }],
    says: {
      summary:
        'Shorten audit.retention or raise log.storage_bytes_max (runbook): when the audit log is full, operators can neither act nor read events.',
      description: '85% of the audit log is full.',
    },
  },
  {
    title: '93% full, just before it refuses',
    series: stream('AUDIT', gauge(930, 40), 1000),
    fires: [{ severity: 'warn' }, { severity: 'page' }],
  },
  { title: '80% full', series: stream('AUDIT', gauge(800, 40), 1000), fires: [] },
  { title: 'another stream is full', series: stream('DEAD', gauge(990, 40), 1000), fires: [] },
].map((scenario) => ({ ...common, alert: 'HeadgateAuditFilling', ...scenario }));

const auditUnwritable: readonly Scenario[] = [
  {
    title: 'three acts were refused',
    series: { 'headgate_audit_failures_total{instance="gate-1"}': '0+0x10 3+0x30' },
    fires: [{ instance: 'gate-1', severity: 'warn' }],
    says: {
      summary:
        'Find out why the audit log of gate-1 cannot be written (runbook): operators are refused what it cannot record.',
      description: '3 entries or outcomes were not written in 15 minutes.',
    },
  },
  {
    title: 'each entry was written',
    series: { 'headgate_audit_failures_total{instance="gate-1"}': gauge(7, 40) },
    fires: [],
  },
].map((scenario) => ({ ...common, alert: 'HeadgateAuditUnwritable', ...scenario }));

export const auditScenarios: readonly Scenario[] = [...auditFilling, ...auditUnwritable];
