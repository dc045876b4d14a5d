import { readdirSync } from 'node:fs';

import type { Config } from '../../config/config.ts';
import { checkConsole } from '../../doctor/check-console.ts';
import { checkDelivery } from '../../doctor/check-deliveries.ts';
import { checkDestinations } from '../../doctor/check-destinations.ts';
import { checkGate } from '../../doctor/check-gate.ts';
import {
  checkDataDirectory,
  checkDisk,
  checkEndpoint,
  checkFileLimit,
  ownFileLimit,
} from '../../doctor/check-host.ts';
import { checkIds } from '../../doctor/check-ids.ts';
import { checkMissingDeliveries } from '../../doctor/check-missing-deliveries.ts';
import { checkMissingEvents } from '../../doctor/check-missing-events.ts';
import { checkClock } from '../../doctor/check-clock.ts';
import { checkDurability, checkStreams } from '../../doctor/check-nats.ts';
import { checkKnownFaults } from '../../doctor/check-servers.ts';
import { createChecks, type CheckFindings, type Finding } from '../../doctor/finding.ts';
import { freeBytes, storedBytes } from '../../doctor/store-room.ts';
import { warnObserving } from '../../doctor/warn-observing.ts';
import type { Log } from '../../jetstream/log.ts';
import { connectedServer } from '../../jetstream/server/inspect-server.ts';
import type { ListedKey } from '../../keys/key-list.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { ExaminedPort } from '../../operators/routes.ts';
import type { SchemaRegistry } from '../../validation/schema-registry.ts';

export interface ExamineOptions {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'gauges' | 'canary'>;
  /** The contracts in force. */
  readonly registry: () => SchemaRegistry;
  /** Whether the log takes events now. Rejects with the reason if not. */
  readonly probe: () => Promise<void>;
  /** The write keys of the configuration and of the log. */
  readonly keys: () => readonly ListedKey[];
}

/**
 * Runs the checks of `headgate doctor` that a running service can make of itself. It changes nothing: it
 * connects to destinations, and sends them nothing.
 */
export async function examineService(
  options: ExamineOptions,
  port: ExaminedPort,
): Promise<readonly Finding[]> {
  const { config, log } = options;
  const { all, run: check } = createChecks();
  const embedded = config.nats.url === undefined;
  const storeBytes = embedded ? storedBytes(config) : 0;
  await check('door', (findings) => checkEndpoint(findings, config));
  await check('data directory', (findings) => checkDataDirectory(findings, config.dataDir));
  await check('disk', (findings) => checkDisk(findings, config, storeBytes));
  await check('gate', (findings) => checkItself(findings, options));
  await check('open files', (findings) => checkFileLimit(findings, config, openFiles()));
  await check('nats', (findings) => {
    const { version, address } = connectedServer(log);
    findings.ok(`NATS ${version} answers at ${address}`);
    checkKnownFaults(findings, config, log);
  });
  await check('durability', (findings) => checkDurability(findings, config, log));
  const room = embedded ? freeBytes(config) + storeBytes : undefined;
  await check('streams', (findings) => checkStreams(findings, config, log, room));
  await check('events', (findings) => checkMissingEvents(findings, log));
  await check('delivered', (findings) => checkMissingDeliveries(findings, log));
  await check('ids', (findings) => checkIds(findings, config, log));
  await check('clock', (findings) => checkClock(findings, log));
  await check('schemas', (findings) => checkContracts(findings, options));
  await check('destinations', (findings) => checkDestinations(findings, config));
  await check('deliveries', async (findings) => {
    for (const facts of await port.deliveries()) checkDelivery(findings, facts);
  });
  if (config.auth === 'keys') await check('keys', (findings) => checkKeys(findings, options));
  await check('console', async (findings) =>
    checkConsole(findings, (await port.servesConsole()) ? 'on this port' : undefined),
  );
  return all;
}

async function checkItself(
  findings: CheckFindings,
  { metrics, probe }: ExamineOptions,
): Promise<void> {
  const { contracts } = metrics.gauges;
  const { intervalMs, arrivedSentAtMs } = metrics.canary.canary;
  const failure = await probe().then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (failure === undefined) findings.ok('this gate takes events');
  else findings.failure(`this gate takes no events: ${failure}`, 'See what is said of NATS here.');
  checkGate(findings, {
    metrics: new Map([
      ['headgate_registry_bad_entries', contracts.badEntries],
      ['headgate_canary_interval_seconds', intervalMs / 1_000],
      ['headgate_canary_arrived_timestamp_seconds', arrivedSentAtMs / 1_000],
    ]),
  });
}

/** Undefined where the system does not say it. */
function openFiles(): { readonly max: number; readonly open: number } | undefined {
  const max = ownFileLimit();
  if (max === undefined) return undefined;
  try {
    return { max, open: readdirSync('/proc/self/fd').length };
  } catch {
    return undefined;
  }
}

function checkContracts(
  findings: CheckFindings,
  { config, registry, metrics }: ExamineOptions,
): void {
  if (metrics.gauges.observing === 1) warnObserving(findings);
  else {
    const where = config.schemasSource === 'registry' ? 'the registry' : config.schemasDir;
    findings.ok(`${registry().events.length} events of ${where} are in force`);
  }
}

function checkKeys(findings: CheckFindings, { keys }: ExamineOptions): void {
  const inForce = keys().filter(({ state }) => state === 'in_force').length;
  const expiring = keys().filter(({ isExpiringInUse }) => isExpiringInUse).length;
  if (inForce === 0) {
    findings.failure(
      'no write key is in force: every request is refused',
      'Create one: headgate keys create --source NAME.',
    );
  } else if (expiring > 0) {
    findings.warning(
      `${expiring} write keys that are in use expire within 14 days`,
      'Rotate each, or ask its sender to change to the new one: docs/runbooks/key-expires.md.',
    );
  } else findings.ok(`write keys in force: ${inForce}; none that is in use expires within 14 days`);
}
