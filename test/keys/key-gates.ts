import { createClient, type Client } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { withAdminToken } from '../admin-token.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { startRealService, type RealService } from '../real-service.ts';

export type Keys = Client<typeof KeyService>;

/** A client of the operators' port of a service. */
export function keysOf(adminUrl: string): Keys {
  const transport = createConnectTransport({
    baseUrl: adminUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  return createClient(KeyService, transport);
}

/** A gate with `auth: keys` on a shared log. */
export function startGateOn(
  { server }: RealLog,
  env: Readonly<Record<string, string>> = {},
  yaml = '',
): Promise<RealService> {
  const { servers, user, password } = server.address;
  return startRealService({
    yaml: `destinations: {}\n${yaml}`,
    env: {
      HEADGATE_NATS_URL: `nats://${user}:${password}@${servers[0]!.replace(/^nats:\/\//, '')}`,
      HEADGATE_DURABILITY: 'async',
      HEADGATE_AUTH: 'keys',
      ...env,
    },
  });
}

/** One nats-server and some gates on it. */
export async function startGates(count: number) {
  const log = await startRealLog();
  const gates: RealService[] = [];
  const stop = async (): Promise<void> => {
    for (const gate of gates) await gate[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
  };
  try {
    for (let number = 0; number < count; number += 1) gates.push(await startGateOn(log));
  } catch (error) {
    await stop();
    throw error;
  }
  return { log, gates, [Symbol.asyncDispose]: stop };
}

export interface Answered {
  readonly status: number;
  readonly text: string;
}

/** Sends one event to the REST endpoint. */
export async function track(
  url: string,
  key: string,
  connection: 'close' | 'keep-alive' = 'keep-alive',
): Promise<Answered> {
  const answer = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-write-key': key, connection },
    body: JSON.stringify(order()),
  });
  return { status: answer.status, text: await answer.text() };
}
