import type { Registry } from 'prom-client';

import type { Logger } from './logger.ts';
import { createCounter, createGauge } from './metric-families.ts';

const parts = ['configuration', 'certificate', 'admin_certificate'] as const;
export type ReloadPart = (typeof parts)[number];

/** Ports that serve a certificate. */
export type CertificatePort = 'public' | 'admin';

/** `held`: the file may be cut, so the change waits. */
type ReloadOutcome = 'applied' | 'failed' | 'held';

const entryKinds = ['key', 'operator', 'webhook', 'certificate', 'client_ca'] as const;
const changes = ['added', 'removed', 'changed'] as const;

/** How many keys, operators, webhooks or certificates a reload adds, removes or changes. */
export type ReloadCounts = Partial<
  Record<(typeof entryKinds)[number], Readonly<Record<(typeof changes)[number], number>>>
>;

export type ReloadMetrics = ReturnType<typeof createReloadMetrics>;

/** Metrics of the files that a gate follows while it runs. */
export function createReloadMetrics(registry: Registry) {
  const counter = createCounter(registry, {
    name: 'headgate_reload_total',
    help: 'Changes of the files of keys, operators and certificates: applied; failed, and the old ones kept; held, because the file may be cut.',
    labels: ['what', 'outcome'],
  });
  const entries = createCounter(registry, {
    name: 'headgate_reload_entries_total',
    help: 'Write keys, operators, webhooks and certificates that applied changes have added, removed or changed.',
    labels: ['kind', 'change'],
  });
  const expiresAtMs: Record<CertificatePort, number> = { public: 0, admin: 0 };
  const names = {
    public: 'headgate_certificate_expires_timestamp_seconds',
    admin: 'headgate_admin_certificate_expires_timestamp_seconds',
  } as const;
  for (const port of ['public', 'admin'] as const) {
    const help = `When the certificate of the ${port} port expires; 0 without TLS.`;
    createGauge(registry, { name: names[port], help, labels: [] }, () => [
      { labels: [], value: expiresAtMs[port] / 1_000 },
    ]);
  }
  for (const part of parts) {
    for (const outcome of ['applied', 'failed', 'held']) counter.series(part, outcome);
  }
  for (const kind of entryKinds) {
    for (const change of changes) entries.series(kind, change);
  }
  return {
    expiresAtMs,
    count: (part: ReloadPart, outcome: ReloadOutcome): void => {
      counter.series(part, outcome).value += 1;
    },
    countEntries: (counts: ReloadCounts): void => {
      for (const kind of entryKinds) {
        for (const change of changes) {
          entries.series(kind, change).value += counts[kind]?.[change] ?? 0;
        }
      }
    },
  };
}

export function createReloadSignals(metrics: ReloadMetrics, logger: Logger) {
  const { expiresAtMs, count, countEntries } = metrics;
  return {
    certificateServed: (atMs: number, port: CertificatePort): void => {
      expiresAtMs[port] = atMs;
    },
    reloaded: (what: ReloadPart, counts: ReloadCounts): void => {
      count(what, 'applied');
      countEntries(counts);
      // Of headgate.yaml nothing else is followed: `restartNeeded` names the settings that are not in force.
      const text =
        what === 'configuration'
          ? 'the keys, operators and webhooks of a changed file are in force'
          : 'a changed file is in force';
      logger.info({ what, ...shown(counts) }, text);
    },
    reloadHeld: (what: ReloadPart, counts: ReloadCounts, holdMs: number): void => {
      count(what, 'held');
      const text =
        'a changed file removes what its end or most of it held, and may be cut: it comes into force ' +
        'if it stays the same for holdMs, and at once with SIGHUP';
      logger.warn({ what, ...shown(counts), holdMs }, text);
    },
    reloadFailed: (what: ReloadPart, error: unknown): void => {
      count(what, 'failed');
      logger.error({ what, err: error }, 'a changed file is not in force; the old one stays');
    },
    restartNeeded: (settings: readonly string[]): void =>
      logger.warn({ settings }, 'these settings have changed: restart to apply'),
  };
}

/** The logger masks what is called a key: these are numbers of keys. */
function shown({ key: keys, ...others }: ReloadCounts): object {
  return { ...(keys !== undefined && { keys }), ...others };
}
