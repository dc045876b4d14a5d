import { DestinationService } from '../../../gen/headgate/v1/destination_service_pb.ts';
import { connectAdminPort, type AdminPort } from '../admin-client.ts';
import { getAdminPage, type AdminPage } from '../admin-port/get-page.ts';
import { tlsAdvice } from '../admin-port/port-tls.ts';
import { checkConsole } from '../../doctor/check-console.ts';
import { checkDelivery } from '../../doctor/check-deliveries.ts';
import type { CheckFindings } from '../../doctor/finding.ts';
import { factsOfStatus } from '../../operators/destinations/facts-of-status.ts';
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

/** The status of each destination, as the running gate reports it. */
export async function checkDeliveries(findings: CheckFindings, gate: RunningGate): Promise<void> {
  const client = connectAdminPort(DestinationService, gate);
  const { destinations } = await client.call((service) => service.listDestinations({}));
  for (const status of destinations) checkDelivery(findings, factsOfStatus(status, oneLine));
}

/** Whether the running gate serves the console. */
export async function checkConsolePage(findings: CheckFindings, gate: RunningGate): Promise<void> {
  const { status } = await getAdminPage(gate, '/', timeoutMs);
  checkConsole(findings, status === 200 ? `at ${gate.url}/` : undefined);
}
