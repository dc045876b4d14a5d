import { newCanaryKey } from '../canary/canary-key.ts';
import { createHeartbeat } from '../canary/heartbeat.ts';
import { createSendHeartbeat } from '../canary/send-heartbeat.ts';
import type { Config } from '../config/config.ts';
import { openGate } from '../gate/gate.ts';
import { createEventStore } from '../jetstream/event-store.ts';
import { createDeltaSink } from '../observability/metric-deltas.ts';
import { countedFamiliesOf } from '../observability/metric-families.ts';
import type { LiveValidation } from '../validation/live-validation.ts';
import { startGateProcesses, type GateProcesses } from './gate-processes.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Observed } from './observe.ts';
import type { ServiceLog } from './open-log.ts';

export interface EndpointParts {
  readonly config: Config;
  readonly validation: LiveValidation;
  readonly observed: Observed;
  readonly opened: ServiceLog;
  readonly lifecycle: Lifecycle;
}

/** Opens the endpoints for events, and starts the heartbeat, which is sent through them. */
export async function openEndpoints(parts: EndpointParts): Promise<GateProcesses> {
  const { config, observed, opened, lifecycle } = parts;
  const { intervalMs } = config.canary;
  const canaryKey = intervalMs === undefined ? undefined : newCanaryKey();
  const gate =
    config.processes === 1
      ? await openGateHere(parts, canaryKey)
      : await openGateProcesses(parts, canaryKey);
  lifecycle.onRelease('gate', gate.close);
  if (intervalMs !== undefined && canaryKey !== undefined) {
    const send = createSendHeartbeat({ address: gate.address, tls: config.tls, key: canaryKey });
    const heartbeat = createHeartbeat({
      log: opened.log,
      signals: observed.signals,
      intervalMs,
      send,
    });
    lifecycle.onRelease('heartbeat', heartbeat.stop);
    heartbeat.start();
  }
  return gate;
}

/** Opens the gate in this process. It validates by the contracts that this process follows. */
async function openGateHere(
  { config, validation, observed, opened }: EndpointParts,
  canaryKey: string | undefined,
): Promise<GateProcesses> {
  const gate = await openGate(config, observed.signals, {
    validate: validation.validate,
    redactRejected: validation.redactRejected,
    ...createEventStore(opened.log, validation.isPlanned),
    canaryKey,
  });
  const { failure: storeFailure } = opened.log;
  return { ...gate, running: () => 1, storeFailure, follow: () => {} };
}

/** Opens the gate in several other processes, which have their own connections to the log. */
function openGateProcesses(
  { config, validation, observed, opened }: EndpointParts,
  canaryKey: string | undefined,
): Promise<GateProcesses> {
  const { labels, metrics, signals } = observed;
  return startGateProcesses({
    config,
    registry: validation.registry,
    canaryKey,
    labels,
    log: opened.logOptions,
    signals,
    onCounted: createDeltaSink({
      families: countedFamiliesOf(metrics.registry),
      lastEvents: metrics.gauges.lastEvent,
    }),
  });
}
