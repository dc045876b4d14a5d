import {
  createServer,
  request as send,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import type { Scenario } from './scenarios.ts';
import type { System } from './sdks.ts';

/** What passed the relay, for reports about an SDK. */
export interface Passed {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  readonly status: number;
  readonly answer: string;
}

/**
 * Between an SDK and the gate: passes everything on, but for a fault of the first request. Before that,
 * `useUpLimit` may use up what the source may send, so that the gate refuses it.
 */
export interface Relay {
  readonly url: string;
  readonly passed: readonly Passed[];
  close(): Promise<void>;
}

export async function startRelay(
  gateUrl: string,
  fault: Scenario['fault'],
  system: System,
  useUpLimit: () => Promise<void> = async () => {},
): Promise<Relay> {
  const passed: Passed[] = [];
  let left = fault === 'none' ? 0 : 1;
  const serve = async (call: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const body = await bytesOf(call);
    const isFaulty = left > 0;
    if (isFaulty) left -= 1;
    if (isFaulty && fault === 'limited') await useUpLimit();
    let given = unavailable(system);
    if (!isFaulty || fault !== 'refused once') {
      const real = await pass(gateUrl, call, body);
      if (!isFaulty || fault === 'limited') given = real;
    }
    const { method = '', url = '', headers } = call;
    passed.push({ method, url, headers, body, status: given.status, answer: String(given.body) });
    answer.writeHead(given.status, given.headers).end(given.body);
  };
  const server = createServer((call, answer) => {
    serve(call, answer).catch(() => answer.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Given {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}

/** The gate's own answer while it accepts nothing. */
function unavailable(system: System): Given {
  const isMixpanel = system === 'Mixpanel';
  const type = isMixpanel ? 'application/json' : 'application/problem+json';
  const error = 'overloaded: The gate has no room for the request.';
  const body = isMixpanel
    ? { code: 503, status: 0, error }
    : { type: 'about:blank', title: 'Service Unavailable', status: 503, code: 'overloaded' };
  return {
    status: 503,
    headers: { 'content-type': type, 'retry-after': '1' },
    body: Buffer.from(JSON.stringify(body)),
  };
}

async function pass(gateUrl: string, call: IncomingMessage, body: Buffer): Promise<Given> {
  const { connection: _connection, host: _host, ...headers } = call.headers;
  const onward = send(`${gateUrl}${call.url}`, { method: call.method, headers, agent: false });
  onward.end(body);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  const kept: Given['headers'] = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    const isOfConnection = /^(?:connection|transfer-encoding|keep-alive)$/.test(name);
    if (value !== undefined && !isOfConnection) kept[name] = value;
  }
  return { status: answer.statusCode!, headers: kept, body: await bytesOf(answer) };
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
