import { timestampMs } from '@bufbuild/protobuf/wkt';

import {
  DestinationService,
  DestinationStatus_State as State,
  type DestinationStatus,
} from '../../../gen/headgate/v1/destination_service_pb.ts';
import { connectAdminPort, type AdminPort } from '../admin-client.ts';
import { getAdminPage, type AdminPage } from '../admin-port/get-page.ts';
import { tlsAdvice } from '../admin-port/port-tls.ts';
import { spanText } from '../destinations.ts';
import type { CheckFindings } from './finding.ts';
import { oneLine, visible } from '../terminal/print.ts';

/** A gate that answers at its admin port. */
export interface RunningGate extends AdminPort {
  /** Series without labels, by name. */
  readonly metrics: ReadonlyMap<string, number>;
}

const timeoutMs = 5_000;

/** Undefined if no gate answers, which `findings` reports. */
export async function reachGate(
  findings: CheckFindings,
  port: AdminPort,
): Promise<RunningGate | undefined> {
  const { url } = port;
  let ready: AdminPage;
  try {
    ready = await getAdminPage(port, '/readyz', timeoutMs);
  } catch (error) {
    const advice = port.tls && tlsAdvice(error);
    if (advice !== undefined) {
      findings.failure(`the gate at ${url} cannot be asked by TLS`, `There, ${advice}.`);
      return undefined;
    }
    findings.skipped(
      `no gate answers at ${url}, so what one knows was not looked at`,
      'Run this again while it runs, or name its port: --admin.',
    );
    return undefined;
  }
  const [why = ''] = visible(ready.text).split('\n');
  if (ready.status === 200) findings.ok(`the gate at ${url} takes events`);
  else
    findings.failure(`the gate at ${url} is ${why}`, 'See what is said of NATS here, and its log.');
  const page = await getAdminPage(port, '/metrics', timeoutMs);
  if (page.status === 401) {
    findings.failure(
      `the gate at ${url} asks for another token`,
      'Set HEADGATE_OPERATOR_TOKEN to your own, or HEADGATE_ADMIN_TOKEN to the one that it was started with, or name its HEADGATE_DATA_DIR.',
    );
    return undefined;
  }
  const metrics = new Map<string, number>();
  for (const [, name, value] of page.text.matchAll(/^(\w+) (\S+)$/gm)) {
    metrics.set(name!, Number(value));
  }
  if (!metrics.has('headgate_enforcement_suspended')) {
    findings.failure(
      `what answers at ${url} is not the operators' port of a gate`,
      'Name it: --admin.',
    );
    return undefined;
  }
  return { ...port, metrics };
}

/** What the running gate reports about itself. */
export function checkGate(findings: CheckFindings, { metrics }: RunningGate): void {
  const value = (name: string): number => metrics.get(name) ?? 0;
  const bad = value('headgate_registry_bad_entries');
  if (bad > 0) {
    findings.failure(
      `${bad} entries of the schema registry are not sound, and the ones before them are in force`,
      'See the log for which; push them again: headgate schemas push.',
    );
  }
  const intervalSeconds = value('headgate_canary_interval_seconds');
  if (intervalSeconds === 0) return;
  const ageMs = Date.now() - value('headgate_canary_arrived_timestamp_seconds') * 1_000;
  if (ageMs > 3_000 * intervalSeconds) {
    findings.failure(
      `the last heartbeat that came through was sent ${spanText(ageMs)} ago, and one is sent every ${spanText(intervalSeconds * 1_000)}`,
      'See that a worker runs with canary.interval set, and what else is found here.',
    );
  } else findings.ok(`heartbeats come through: the last was sent ${spanText(ageMs)} ago`);
}

const lagMsMax = 3_600_000;

/** The status of each destination, as the running gate reports it. */
export async function checkDeliveries(findings: CheckFindings, gate: RunningGate): Promise<void> {
  const client = connectAdminPort(DestinationService, gate);
  const { destinations } = await client.call((service) => service.listDestinations({}));
  for (const status of destinations) {
    checkState(findings, status);
    checkLag(findings, status);
  }
}

function checkState(
  findings: CheckFindings,
  { name, state, reason, waiting, dead }: DestinationStatus,
): void {
  const why = oneLine(reason);
  const waits = `${waiting.toLocaleString('en')} events wait`;
  if (state === State.DISABLED) {
    findings.failure(
      `${name} has said that it wants nothing more (${why}), and ${waits}`,
      'Fix it there, or remove it from the configuration; then restart the workers.',
    );
  } else if (state === State.PARKED) {
    findings.warning(
      `${name} is parked (${why}), and ${waits}`,
      'See what is wrong there: it is tried by itself.',
    );
  } else if (state === State.STOPPED) {
    findings.warning(`the worker of ${name} has stopped, and ${waits}`, 'Start the service again.');
  } else if (state === State.REMOVED) {
    findings.warning(
      `no configuration names ${name}, and the log keeps every event for it that it was not given (${waits})`,
      `Put it back, or: headgate destinations remove ${name}`,
    );
  }
  if (dead > 0n) {
    findings.warning(
      `${name} has ${dead.toLocaleString('en')} dead letters`,
      `headgate dead list --destination ${name} shows why; fix it, and replay them.`,
    );
  }
}

function checkLag(
  findings: CheckFindings,
  { name, state, oldestWaiting, waiting }: DestinationStatus,
): void {
  const lagMs = oldestWaiting === undefined ? 0 : Date.now() - timestampMs(oldestWaiting);
  if (lagMs > lagMsMax) {
    findings.warning(
      `${name} is ${spanText(lagMs)} behind, ${waiting.toLocaleString('en')} events`,
      'See headgate destinations; more workers help where it is slow and not away.',
    );
  } else if (state === State.RUNNING || state === State.ELSEWHERE) {
    findings.ok(`${name} is up to date or nearly so: ${waiting.toLocaleString('en')} events wait`);
  }
}
