import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { producerKey } from './producer-key.ts';

/** What producers saw. */
export interface ProducersReport {
  readonly sent: number;
  /** Answers other than 2xx, and requests without an answer, by what they were. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How long the event loop of the measuring process stopped, at most. */
  readonly ownStopMs: number;
}

export interface Producers {
  /** Ends them, and waits for their last answers. */
  stop(): Promise<ProducersReport>;
}

export interface Load {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: () => string;
}

const bearer = { authorization: `Bearer ${producerKey}`, 'content-type': 'application/json' };

function event(): Record<string, unknown> {
  return {
    event_name: 'page_viewed',
    user_id: 'u-1',
    idempotency_key: randomUUID(),
    properties: { url: 'https://example.com/a' },
  };
}

/** Key in the header; and key at the end of the body, as PostHog's SDKs have it. */
export const loads: readonly Load[] = [
  { path: '/v1/track', headers: bearer, body: () => JSON.stringify(event()) },
  {
    path: '/batch/',
    headers: { 'content-type': 'application/json' },
    body: () => {
      const sent = { event: 'page_viewed', distinct_id: 'u-1', uuid: randomUUID(), properties: {} };
      return JSON.stringify({ batch: [sent], api_key: producerKey });
    },
  },
];

/** Starts `count` producers, each with a connection of its own, that together send `perSecond` requests. */
export function startProducers(port: number, count: number, perSecond: number): Producers {
  const latencies: number[] = [];
  const refusals: Record<string, number> = {};
  let isStopped = false;
  const refused = (what: string): void => {
    refusals[what] = (refusals[what] ?? 0) + 1;
  };
  const produce = async (index: number): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const load = loads[index % loads.length]!;
    await sleep((index * 1000) / perSecond);
    while (!isStopped) {
      const startedAt = performance.now();
      const status = await post(port, agent, load);
      const tookMs = performance.now() - startedAt;
      latencies.push(tookMs);
      if (status !== '202' && status !== '200') refused(status);
      await sleep(Math.max(0, (count * 1000) / perSecond - tookMs));
    }
    agent.destroy();
  };
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const running = Array.from({ length: count }, (_, index) => produce(index));
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
      latencies.sort((one, other) => one - other);
      const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? NaN;
      loop.disable();
      const ownStopMs = loop.max / 1e6;
      return { sent: latencies.length, refusals, p50Ms: at(0.5), p99Ms: at(0.99), ownStopMs };
    },
  };
}

export function post(
  port: number,
  agent: http.Agent,
  { path, headers, body }: Load,
): Promise<string> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', path, method: 'POST', headers, agent };
    const request = http.request({ ...options, timeout: 10_000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(String(response.statusCode)));
      response.on('error', () => resolve('cut'));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
    request.end(body());
  });
}
