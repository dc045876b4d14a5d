import { createClient, type Client } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { withAdminToken } from '../admin-token.ts';

export type Registry = Client<typeof SchemaRegistryService>;

/** A client of the operators' port of a service. */
export function registryOf(adminUrl: string): Registry {
  const transport = createConnectTransport({
    baseUrl: adminUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  return createClient(SchemaRegistryService, transport);
}

/** A gate whose contracts are in the bucket of a shared log. */
export function startGateOn(
  { server }: RealLog,
  env: Readonly<Record<string, string>> = {},
  logger?: Logger,
): Promise<RealService> {
  const { servers, user, password } = server.address;
  return startRealService({
    ...(logger !== undefined && { logger }),
    yaml: 'destinations: {}\n',
    env: {
      HEADGATE_NATS_URL: `nats://${user}:${password}@${servers[0]!.replace(/^nats:\/\//, '')}`,
      HEADGATE_DURABILITY: 'async',
      HEADGATE_SCHEMAS_SOURCE: 'registry',
      ...env,
    },
  });
}

/** One nats-server and two independent gates. */
export async function startTwoGates() {
  const log = await startRealLog();
  const gates: RealService[] = [];
  const stop = async (): Promise<void> => {
    for (const gate of gates) await gate[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
  };
  try {
    gates.push(...(await Promise.all([startGateOn(log), startGateOn(log)])));
  } catch (error) {
    await stop();
    throw error;
  }
  const [one, other] = gates as [RealService, RealService];
  return { log, one, other, [Symbol.asyncDispose]: stop };
}

/** Sends one event to the REST endpoint and returns its verdict. */
export async function track(
  url: string,
  event: Readonly<Record<string, unknown>>,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      event_name: 'order_completed',
      user_id: 'u-1',
      idempotency_key: crypto.randomUUID(),
      properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
      ...event,
    }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}
