import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { asAdmin } from '../admin-token.ts';
import { attackFor } from './attacks.ts';
import { compare, p99MaxMs, producersPerSecond } from './compare.ts';
import { connectionAttacks, operatorAttacks } from './connection-attacks.ts';
import { attackedGate, isLong, startHostileGate } from './hostile-gate.ts';
import { post, loads } from './producers.ts';

/*
 * What producers and load balancers see while others use up connections and streams: those that are
 * connected, and those that come. `npm run test:hostile` runs the attacks several times and compares latencies.
 */

const attackMs = isLong ? 2_000 : 1_500;
const rounds = isLong ? 5 : 1;
/** Fewer than an attack opens. */
const connectionsMax = 200;

/** Those that come during an attack: how many so far, and what came other than the good answer. */
class Newcomers {
  count = 0;
  readonly refused: string[] = [];

  /** Calls `ask` again and again, over a new connection each time. */
  async come(
    until: AbortSignal,
    good: string,
    ask: (agent: http.Agent) => Promise<string>,
  ): Promise<void> {
    while (!until.aborted) {
      const agent = new http.Agent({ maxSockets: 1 });
      const status = await ask(agent);
      agent.destroy();
      this.count += 1;
      if (status !== good) this.refused.push(status);
      await sleep(25);
    }
  }
}
/** So many show that those who come are served. */
const newcomersMin = 10 * rounds;
const sentMin = (producersPerSecond * attackMs * rounds) / 1000 / 2;
/** Attacks on the admin port: more than one only on a busy machine, where those that come are slow themselves. */
const attacksMax = 8;

describe('producers', () => {
  const env = { HEADGATE_LIMITS_CONNECTIONS_MAX: String(connectionsMax) };
  const attacked = attackedGate(env);

  test.each(Object.keys(connectionAttacks))('are served during %s', async (attack) => {
    const gate = await attacked();
    const startDecoy = () => startHostileGate(env);
    const arrived = new Newcomers();
    const meanwhile = async (signal: AbortSignal): Promise<void> => {
      const send = (agent: http.Agent): Promise<string> => post(gate.port, agent, loads[0]!);
      await arrived.come(signal, '202', send);
    };
    const isEnough = (sent: number): boolean => sent > sentMin && arrived.count > newcomersMin;
    const options = { gate, startDecoy, attack, rounds, ms: attackMs, meanwhile, isEnough };
    const compared = await compare(options);
    const { sent, refusals, p99Ms, text } = compared;
    const { count, refused } = arrived;
    console.log(`${text}, of ${count} newcomers ${JSON.stringify(refused)}`);
    expect(refusals).toEqual({});
    expect(sent).toBeGreaterThan(sentMin);
    expect([count > newcomersMin, refused]).toEqual([true, []]);
    expect(p99Ms).toBeLessThan(isLong ? p99MaxMs(compared) : Infinity);
  });
});

describe('the admin port', () => {
  const attacked = attackedGate();

  test.each([
    'connections that send nothing',
    'idle HTTP/2 connections that PING',
    'HTTP/2 connections that only PING',
    ...Object.keys(operatorAttacks),
  ])('answers for health during %s', async (name) => {
    const { adminListen } = (await attacked()).gate;
    const limitedBefore = await limitedOf(adminListen);
    const port = Number(adminListen.split(':')[1]);
    const attack = new AbortController();
    let turn = 0;
    const arrived = new Newcomers();
    const asking = arrived.come(attack.signal, '200', async (agent) => {
      const path = ['/healthz', '/readyz', '/metrics'][turn++ % 3]!;
      return get(port, agent, path);
    });
    for (let each = 0; each < attacksMax && arrived.count <= newcomersMin; each += 1) {
      await attackFor(attackMs, port, name);
    }
    attack.abort();
    await asking;
    const { count, refused } = arrived;
    expect([count > newcomersMin, refused]).toEqual([true, []]);
    expect(await limitedOf(adminListen)).toBeGreaterThan(limitedBefore);
  });
});

/** How many connections the gate has refused or ended for others. */
async function limitedOf(adminListen: string): Promise<number> {
  const metrics = await (await fetch(`http://${adminListen}/metrics`, asAdmin)).text();
  const limited = /^headgate_callers_limited_total\{limit="connections"\} (\d+)/m.exec(metrics);
  return Number(limited![1]);
}

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
