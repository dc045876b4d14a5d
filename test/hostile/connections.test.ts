import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { asAdmin } from '../admin-token.ts';
import { attackFor } from './attacks.ts';
import { connectionAttacks } from './connection-attacks.ts';
import { startHostileGate } from './hostile-gate.ts';
import { startProducers, post, loads } from './producers.ts';

/*
 * What producers and load balancers see while others use up connections and streams: those that are
 * connected, and those that come. `npm run test:hostile` runs the attacks longer and compares latencies.
 */

const isLong = process.env['HOSTILE'] === 'long';
const attackMs = isLong ? 10_000 : 2_000;
const producersCount = 20;
const producersPerSecond = 200;
/** Fewer than an attack opens. */
const connectionsMax = 200;

/** Calls `ask` again and again, over a new connection each time. Returns what came, other than `good`. */
async function newcomers(
  until: AbortSignal,
  good: string,
  ask: (agent: http.Agent) => Promise<string>,
): Promise<{ count: number; refused: string[] }> {
  const refused: string[] = [];
  let count = 0;
  while (!until.aborted) {
    const agent = new http.Agent({ maxSockets: 1 });
    const status = await ask(agent);
    agent.destroy();
    count += 1;
    if (status !== good) refused.push(status);
    await sleep(25);
  }
  return { count, refused };
}

describe('producers', () => {
  test.each(Object.keys(connectionAttacks))('are served during %s', async (name) => {
    await using gate = await startHostileGate({
      HEADGATE_LIMITS_CONNECTIONS_MAX: String(connectionsMax),
    });
    const before = startProducers(gate.port, producersCount, producersPerSecond);
    await sleep(isLong ? attackMs : 1_000);
    const alone = await before.stop();
    const producers = startProducers(gate.port, producersCount, producersPerSecond);
    const cpuBefore = gate.cpuMs();
    const attack = new AbortController();
    const arriving = newcomers(attack.signal, '202', (agent) => post(gate.port, agent, loads[0]!));
    const result = await attackFor(attackMs, gate.port, name);
    attack.abort();
    const { count, refused } = await arriving;
    const cpuMs = gate.cpuMs() - cpuBefore;
    const report = await producers.stop();
    console.log(
      `${name}: ${result}, CPU ${((cpuMs / attackMs) * 100).toFixed(0)} %, producers p99 ` +
        `${report.p99Ms.toFixed(1)} ms (alone: ${alone.p99Ms.toFixed(1)}), refusals ` +
        `${JSON.stringify(report.refusals)}, of ${count} newcomers ${JSON.stringify(refused)}`,
    );
    expect(report.refusals).toEqual({});
    expect(report.sent).toBeGreaterThan((producersPerSecond * attackMs) / 1000 / 2);
    expect([count > 10, refused]).toEqual([true, []]);
    const p99MaxMs = isLong ? Math.max(alone.p99Ms * 1.2, alone.p99Ms + 10) : Infinity;
    expect(report.p99Ms).toBeLessThan(p99MaxMs);
  });
});

describe('the admin port', () => {
  test.each([
    'connections that send nothing',
    'idle HTTP/2 connections that PING',
    'HTTP/2 connections that only PING',
  ])('answers for health during %s', async (name) => {
    await using gate = await startHostileGate();
    const { adminListen } = gate.gate;
    const port = Number(adminListen.split(':')[1]);
    const attack = new AbortController();
    let turn = 0;
    const asking = newcomers(attack.signal, '200', async (agent) => {
      const path = ['/healthz', '/readyz', '/metrics'][turn++ % 3]!;
      return get(port, agent, path);
    });
    await attackFor(attackMs, port, name);
    attack.abort();
    const { count, refused } = await asking;
    expect([count > 10, refused]).toEqual([true, []]);
    const metrics = await (await fetch(`http://${adminListen}/metrics`, asAdmin)).text();
    const limited = /^headgate_callers_limited_total\{limit="connections"\} (\d+)/m.exec(metrics);
    expect(Number(limited?.[1])).toBeGreaterThan(0);
  });
});

function get(port: number, agent: http.Agent, path: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', path, agent, timeout: 10_000, ...asAdmin };
    const request = http.get(options, (response) => {
      response.resume();
      response.on('end', () => resolve(String(response.statusCode)));
      response.on('error', () => resolve('cut'));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
  });
}
