import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { asAdmin } from '../admin-token.ts';
import { attackFor } from './attacks.ts';
import { compare, p99MaxMs, producersPerSecond } from './compare.ts';
import { connectionAttacks, operatorAttacks } from './connection-attacks.ts';
import { startHostileGate, type HostileGate } from './hostile-gate.ts';
import { post, loads } from './producers.ts';

/*
 * What producers and load balancers see while others use up connections and streams: those that are
 * connected, and those that come. `npm run test:hostile` runs the attacks several times and compares latencies.
 */

const isLong = process.env['HOSTILE'] === 'long';
const attackMs = 2_000;
const rounds = isLong ? 5 : 1;
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
  test.each(Object.keys(connectionAttacks))('are served during %s', async (attack) => {
    const startDecoy = (): Promise<HostileGate> =>
      startHostileGate({ HEADGATE_LIMITS_CONNECTIONS_MAX: String(connectionsMax) });
    await using gate = await startDecoy();
    const arrived: { count: number; refused: string[] }[] = [];
    const meanwhile = async (signal: AbortSignal): Promise<void> => {
      const send = (agent: http.Agent): Promise<string> => post(gate.port, agent, loads[0]!);
      arrived.push(await newcomers(signal, '202', send));
    };
    const compared = await compare({ gate, startDecoy, attack, rounds, ms: attackMs, meanwhile });
    const { sent, refusals, p99Ms, text } = compared;
    const count = arrived.reduce((sum, each) => sum + each.count, 0);
    const refused = arrived.flatMap((each) => each.refused);
    console.log(`${text}, of ${count} newcomers ${JSON.stringify(refused)}`);
    expect(refusals).toEqual({});
    expect(sent).toBeGreaterThan((producersPerSecond * attackMs * rounds) / 1000 / 2);
    expect([count > 10 * rounds, refused]).toEqual([true, []]);
    expect(p99Ms).toBeLessThan(isLong ? p99MaxMs(compared) : Infinity);
  });
});

describe('the admin port', () => {
  test.each([
    'connections that send nothing',
    'idle HTTP/2 connections that PING',
    'HTTP/2 connections that only PING',
    ...Object.keys(operatorAttacks),
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
