import { StartError } from '../../errors.ts';
import { buildDestinations } from './build-destinations.ts';
import { buildIntake } from './build-intake.ts';
import { buildKeys } from './build-keys.ts';
import { type StatedLimits, validateSourceLimits } from './build-source-limits.ts';
import { buildOperators, validateOwnTokens } from './build-operators.ts';
import { buildWebhooks } from './build-webhooks.ts';
import type { Config, Limits, WriteKey } from '../config.ts';
import { deepFreeze } from './freeze.ts';
import type { RawConfig } from '../gather/gather.ts';
import { validateRules } from './rules.ts';
import { type SettingValues, settings } from '../settings.ts';
import { limitsBySource, type SourceLimits } from '../write-key.ts';
import { readTable } from './table-values.ts';

/** The second step: reads every value, checks the rules between them, reports all problems at once. */
export function build(raw: RawConfig): Config {
  const faults = [...raw.faults];
  const table = readTable(settings, raw.values, (path) => `default: ${path}`, faults);
  // If a value is missing, there is a fault, and the result is not used.
  const values = Object.fromEntries(table.values) as unknown as SettingValues;
  const stated: StatedLimits[] = [];
  const keys = buildKeys(raw.keys, faults, stated);
  const operators = buildOperators(raw.operators, faults);
  const destinations = buildDestinations(raw.destinations, values.data_dir ?? '', faults);
  const webhooks = buildWebhooks(raw.webhooks, faults, stated);
  const intake = buildIntake(raw.intake, faults, stated);
  validateSourceLimits(stated, values['limits.request_bytes_max'], faults);
  validateOwnTokens(values, operators, faults);
  const entries = { operators: raw.operators.length };
  if (!raw.fileBroken) validateRules(table, values, entries, faults);
  if (faults.length > 0) throw new StartError(describeFaults(faults));
  const limits = limitsBySource(stated);
  const schemasDirNamed = raw.values.has('schemas_dir');
  const assembled = assemble(values, withLimits(keys, limits));
  return deepFreeze({
    ...assembled,
    schemasDirNamed,
    operators,
    destinations,
    webhooks: withLimits(webhooks, limits),
    intake: { nats: withLimits(intake, limits) },
  });
}

/** Limits belong to the source: each of its entries has them, whichever states them. */
function withLimits<Entry extends { readonly source: string }>(
  entries: readonly Entry[],
  limitsOf: ReadonlyMap<string, SourceLimits>,
): Entry[] {
  return entries.map((entry) => {
    const limits = limitsOf.get(entry.source);
    return limits === undefined ? entry : { ...entry, limits };
  });
}

export function describeFaults(faults: readonly string[]): string {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return [`The configuration has ${count}:`, ...faults.map((fault) => `  ${fault}`)].join('\n');
}

function assemble(
  values: SettingValues,
  keys: readonly WriteKey[],
): Omit<Config, 'operators' | 'destinations' | 'webhooks' | 'intake' | 'schemasDirNamed'> {
  const { 'nats.url': url } = values;
  return {
    listen: values.listen,
    admin: {
      listen: values['admin.listen'],
      token: values['admin.token'],
      metricsToken: values['admin.metrics_token'],
      tls: assembleTls(values, 'admin.'),
      client: {
        ca: values['admin.client.ca'],
        cert: values['admin.client.cert'],
        key: values['admin.client.key'],
      },
    },
    tls: assembleTls(values, ''),
    trustedProxies: values.trusted_proxies ?? [],
    http: { engine: values['http.engine'] },
    dataDir: values.data_dir,
    schemasDir: values.schemas_dir,
    enforcement: values.enforcement,
    pii: { hashKey: values['pii.hash_key'] },
    schemasSource: values['schemas.source'],
    nats: {
      url,
      serverBin: values['nats.server_bin'],
      monitorUrls: values['nats.monitor_url']?.split(',').map((one) => one.trim()),
      publishTimeoutMs: values['nats.publish_timeout'],
    },
    roles: new Set(values.roles),
    processes: values.processes,
    durability: values.durability ?? (url === undefined ? 'fsync' : 'replicated'),
    auth: values.auth,
    source: values.source,
    keys,
    limits: assembleLimits(values),
    log: {
      retentionMs: values['log.retention'],
      retentionMinMs: retentionMinOf(values),
      dedupWindowMs: values['log.dedup_window'],
      partitions: values['log.partitions'],
      storageBytesMax: values['log.storage_bytes_max'],
      asideBytesMax: values['log.aside_bytes_max'],
    },
    rejected: {
      retentionMs: values['rejected.retention'],
      storageBytesMax: values['rejected.storage_bytes_max'],
    },
    audit: { retentionMs: values['audit.retention'] },
    canary: { intervalMs: values['canary.interval'] },
    logLevel: values.log_level,
    shutdownGraceMs: values.shutdown_grace,
  };
}

const retentionMinDefaultMs = 3_600_000;

function retentionMinOf(values: SettingValues): number {
  const wanted =
    values['log.retention_min'] ?? Math.max(retentionMinDefaultMs, values['log.dedup_window']);
  return Math.min(wanted, values['log.retention']);
}

function assembleTls(values: SettingValues, port: '' | 'admin.'): Config['tls'] {
  const cert = values[`${port}tls.cert`];
  const key = values[`${port}tls.key`];
  if (cert === undefined || key === undefined) return undefined;
  const clientAuth = values[`${port}tls.client_auth`];
  return {
    cert,
    key,
    ...(values[`${port}tls.min_version`] === '1.3' && { minVersion: '1.3' }),
    ...(clientAuth !== 'off' && { clientCa: values[`${port}tls.client_ca`], clientAuth }),
  };
}

function assembleLimits(values: SettingValues): Limits {
  return {
    requestBytesMax: values['limits.request_bytes_max'],
    batchEventsMax: values['limits.batch_events_max'],
    eventBytesMax: values['limits.event_bytes_max'],
    inFlightEventsMax: values['limits.in_flight_events_max'],
    requestTimeoutMs: values['limits.request_timeout'],
    idleTimeoutMs: values['limits.idle_timeout'],
    connectionsMax: values['limits.connections_max'],
  };
}
