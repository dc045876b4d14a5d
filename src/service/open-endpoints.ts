import { newCanaryKey } from '../canary/canary-key.ts';
import { createHeartbeat } from '../canary/heartbeat.ts';
import { createSendHeartbeat } from '../canary/send-heartbeat.ts';
import type { Config } from '../config/config.ts';
import { limitsBySource } from '../config/write-key.ts';
import { readCertificate } from '../gate/certificate.ts';
import { openGate, type GateCredentials } from '../gate/gate.ts';
import type { RunTimeKey } from '../gate/intake/keys/key-ring.ts';
import { createAllowances, type Allowances } from '../gate/limits/allowances.ts';
import { createLocalLimiter } from '../gate/limits/source-limiter.ts';
import { createEventStore } from '../jetstream/event-store.ts';
import { openLimitReports } from '../jetstream/limits/limit-reports.ts';
import { createDeltaSink } from '../observability/metric-deltas.ts';
import { countedFamiliesOf } from '../observability/metric-families.ts';
import { startNatsIntake } from '../nats-intake/nats-intake.ts';
import { checkSourceFiles, readNatsSources } from '../nats-intake/source-server.ts';
import { watchNatsSources } from '../nats-intake/watch-sources.ts';
import { contractsOf } from '../validation/contracts-form.ts';
import type { LiveValidation } from '../validation/live-validation.ts';
import { startGateProcesses, type GateProcesses } from './gate-processes.ts';
import { shareLimits } from './limits/share-limits.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Observed } from './observe.ts';
import type { ServiceLog } from './open-log.ts';

export interface EndpointParts {
  readonly config: Config;
  readonly validation: LiveValidation;
  readonly observed: Observed;
  readonly opened: ServiceLog;
  readonly lifecycle: Lifecycle;
  /** The write keys of the log, as they are now. */
  readonly runTimeKeys: () => readonly RunTimeKey[];
}

/** Opens the endpoints for events, and starts the heartbeat, which is sent through them. */
export async function openEndpoints(parts: EndpointParts): Promise<GateProcesses> {
  const { config, observed, lifecycle } = parts;
  const { intervalMs } = config.canary;
  const canaryKey = intervalMs === undefined ? undefined : newCanaryKey();
  // Before a gate opens: these settings can never work.
  const natsSources = readNatsSources(config, parts.opened.logOptions.address);
  for (const source of natsSources) checkSourceFiles(source);
  const allowances = await openAllowances(parts);
  const tlsFiles = config.tls === undefined ? undefined : readCertificate(config.tls).files;
  let served = tlsFiles === undefined ? [] : [tlsFiles.cert];
  const opened =
    config.processes === 1
      ? await openGateHere(parts, allowances, canaryKey, tlsFiles)
      : await openGateProcesses(parts, allowances, canaryKey);
  const gate: GateProcesses = {
    ...opened,
    useCredentials: (credentials) => {
      // Other processes serve the previous certificate for a moment more.
      const { tlsFiles: next } = credentials;
      if (next !== undefined) served = [next.cert, ...served.slice(0, 1)];
      opened.useCredentials(credentials);
    },
  };
  lifecycle.onRelease('gate', gate.close);
  lifecycle.onRelease('watch of intake.nats', watchNatsSources(natsSources, observed.signals));
  if (intervalMs !== undefined && canaryKey !== undefined) {
    const certificates = config.tls === undefined ? undefined : (): Buffer[] => served;
    const send = createSendHeartbeat({ address: gate.address, certificates, key: canaryKey });
    const heartbeat = createHeartbeat({
      log: parts.opened.log,
      signals: observed.signals,
      intervalMs,
      send,
    });
    lifecycle.onRelease('heartbeat', heartbeat.stop);
    heartbeat.start();
  }
  return gate;
}

/** The limits of sources, with what was taken of them today. */
async function openAllowances(parts: EndpointParts): Promise<Allowances> {
  const { config, observed, opened, lifecycle, runTimeKeys } = parts;
  const allowances = createAllowances();
  // So that their metrics exist before their first event.
  const stated = limitsBySource([
    ...config.keys,
    ...config.webhooks,
    ...config.intake.nats,
    ...runTimeKeys().filter((key) => key.revokedAtMs === undefined),
  ]);
  for (const [source, limits] of stated) allowances.of(source, limits);
  const reports = openLimitReports(opened.log);
  const stop = await shareLimits({ allowances, reports, signals: observed.signals });
  lifecycle.onRelease('source limits', stop);
  return allowances;
}

/** Opens the gate in this process. It validates by the contracts that this process follows. */
async function openGateHere(
  { config, validation, observed, opened, runTimeKeys }: EndpointParts,
  allowances: Allowances,
  canaryKey: string | undefined,
  tlsFiles: GateCredentials['tlsFiles'],
): Promise<GateProcesses> {
  const gate = await openGate(config, observed.signals, {
    validate: validation.validate,
    nameSent: validation.nameSent,
    redactRejected: validation.redactRejected,
    contracts: () => contractsOf(validation.registry(), validation.enforcement()),
    ...createEventStore(opened.log, validation.isPlanned),
    canaryKey,
    limiter: createLocalLimiter(allowances),
    tlsFiles,
    runTimeKeys: runTimeKeys(),
  });
  const { log, logOptions } = opened;
  const { address } = logOptions;
  const close = startNatsIntake({ config, log, address, gate, signals: observed.signals });
  return { ...gate, close, running: () => 1, storeFailure: log.failure, follow: () => {} };
}

/** Opens the gate in several other processes, which have their own connections to the log. */
function openGateProcesses(
  { config, validation, observed, opened, runTimeKeys }: EndpointParts,
  allowances: Allowances,
  canaryKey: string | undefined,
): Promise<GateProcesses> {
  const { labels, metrics, signals } = observed;
  return startGateProcesses({
    config,
    registry: validation.registry,
    runTimeKeys,
    canaryKey,
    allowances,
    labels,
    // With series from the start of each process.
    unplannedNames: [...metrics.unplannedNames],
    log: opened.logOptions,
    signals,
    onCounted: createDeltaSink({
      families: countedFamiliesOf(metrics.registry),
      lastEvents: metrics.gauges.lastEvent,
    }),
  });
}
