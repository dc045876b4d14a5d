import { formatAddress } from '../../config/address.ts';
import type { Config } from '../../config/config.ts';
import { StartError } from '../../errors.ts';
import type { Log } from '../../jetstream/log.ts';
import { createLiveValidation } from '../../validation/live-validation.ts';
import { loadContracts } from '../../validation/schema-registry.ts';
import { isObserving } from '../../validation/taxonomy/taxonomy.ts';
import { adminPort } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { readGateConfig } from '../command-settings.ts';
import { freeBytes, storedBytes } from '../../doctor/store-room.ts';
import { warnObserving } from '../../doctor/warn-observing.ts';
import { checkDestinations } from '../../doctor/check-destinations.ts';
import { createChecks, type Finding, type CheckFindings } from '../../doctor/finding.ts';
import { checkGate } from '../../doctor/check-gate.ts';
import { checkIds } from '../../doctor/check-ids.ts';
import { checkConsolePage, checkDeliveries, reachGate, type RunningGate } from './check-gate.ts';
import {
  checkDataDirectory,
  checkDisk,
  checkEndpoint,
  checkFileLimit,
} from '../../doctor/check-host.ts';
import { checkIntake } from './check-intake.ts';
import { checkKeys } from './check-keys.ts';
import { checkClock } from '../../doctor/check-clock.ts';
import { checkDurability, checkStreams } from '../../doctor/check-nats.ts';
import { reachLog } from './reach-log.ts';
import { checkMissingDeliveries } from '../../doctor/check-missing-deliveries.ts';
import { checkMissingEvents } from '../../doctor/check-missing-events.ts';
import { findingsText } from './text.ts';

export interface DoctorFlags {
  readonly config?: string;
  readonly admin?: string;
  readonly json?: true;
}

/** Runs every check and prints the findings. Sets exit code 1 if a check has failed. */
export async function runDoctor(context: CommandContext, flags: DoctorFlags): Promise<void> {
  const config = readSettings(context, flags);
  const findings = Array.isArray(config) ? config : await examine(config, context, flags);
  const failed = findings.some(({ level }) => level === 'failure');
  process.stdout.write(
    flags.json ? `${JSON.stringify({ ok: !failed, findings })}\n` : findingsText(findings),
  );
  if (failed) process.exitCode = 1;
}

/** The configuration, or its problems. Without a configuration no other check can run. */
function readSettings({ env }: CommandContext, flags: DoctorFlags): Config | Finding[] {
  try {
    return readGateConfig(env, flags.config);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const [head = '', ...faults] = error.message.split('\n');
    const mend = 'Fix what it says, then run this again: nothing else was checked.';
    return (faults.length === 0 ? [head] : faults).map((fault) => ({
      check: 'settings',
      level: 'failure',
      found: fault.trim(),
      mend,
    }));
  }
}

/** Runs the checks in order of dependency. */
async function examine(
  config: Config,
  context: CommandContext,
  flags: DoctorFlags,
): Promise<readonly Finding[]> {
  const { all, run: check } = createChecks();
  let gate: RunningGate | undefined;
  let log: Log | undefined;
  const embedded = config.nats.url === undefined;
  const storeBytes = embedded ? storedBytes(config) : 0;

  await check('settings', (findings) =>
    findings.ok(`sound; destinations: ${config.destinations.length}`),
  );
  await check('door', (findings) => checkEndpoint(findings, config));
  await check('data directory', (findings) => checkDataDirectory(findings, config.dataDir));
  await check('disk', (findings) => checkDisk(findings, config, storeBytes));
  await check('gate', async (findings) => {
    const { listen, token, tls, client } = config.admin;
    const access = { token, dataDir: config.dataDir, servedCert: tls?.cert, client };
    const port = adminPort(flags.admin ?? formatAddress(listen), access, context.env);
    gate = await reachGate(findings, port);
    if (gate !== undefined) checkGate(findings, gate);
  });
  await check('open files', (findings) => checkFileLimit(findings, config, fileLimitOf(gate)));
  try {
    await check('nats', async (findings) => {
      log = await reachLog(findings, config, context.env['PATH'] ?? '');
    });
    const reached = log;
    await check('durability', (findings) => checkDurability(findings, config, reached));
    if (reached !== undefined) {
      const room = embedded ? freeBytes(config) + storeBytes : undefined;
      await check('streams', (findings) => checkStreams(findings, config, reached, room));
      await check('events', (findings) => checkMissingEvents(findings, reached));
      await check('delivered', (findings) => checkMissingDeliveries(findings, reached));
      await check('ids', (findings) => checkIds(findings, config, reached));
      await check('clock', (findings) => checkClock(findings, reached));
    }
  } finally {
    await log?.close();
  }
  await check('schemas', (findings) => checkSchemas(findings, config, gate));
  await check('destinations', (findings) => checkDestinations(findings, config));
  if (config.intake.nats.length > 0) {
    await check('intake', (findings) => checkIntake(findings, config, log !== undefined));
  }
  const running = gate;
  if (running !== undefined) {
    await check('deliveries', (findings) => checkDeliveries(findings, running));
    await check('console', (findings) => checkConsolePage(findings, running));
  }
  if (config.auth === 'keys') {
    await check('keys', (findings) => checkKeys(findings, config.keys.length, running));
  }
  return all;
}

async function checkSchemas(
  findings: CheckFindings,
  config: Config,
  gate: RunningGate | undefined,
): Promise<void> {
  if (config.schemasSource === 'registry') {
    if (gate?.metrics.get('headgate_observe_mode') === 1) {
      warnObserving(findings);
      return;
    }
    findings.skipped('they are in the registry: headgate schemas list shows their state');
    return;
  }
  const registry = await loadContracts(config);
  if (isObserving(registry, registry.events)) {
    warnObserving(findings);
    return;
  }
  // As in the gate: a schema that hashes requires a key.
  createLiveValidation(registry, {
    enforcement: config.enforcement,
    hashKey: config.pii.hashKey?.reveal(),
  });
  findings.ok(`${registry.events.length} events in ${config.schemasDir}, all sound`);
}

function fileLimitOf(gate: RunningGate | undefined): { max: number; open: number } | undefined {
  const max = gate?.metrics.get('process_max_fds');
  return max === undefined ? undefined : { max, open: gate?.metrics.get('process_open_fds') ?? 0 };
}
