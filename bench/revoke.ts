import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startRealLog } from '../test/real-log.ts';
import { numberAfter } from './script/options.ts';

/*
 * npm run bench:revoke [-- --seconds 20] [--lanes 8]
 *
 * How long a revoked write key is still accepted, at four gates on one nats-server, each in a process of
 * its own, while every gate gets requests with the key as fast as it answers, on connections that stay
 * open. A key is created and revoked at the first gate, again and again. Fails if a request that began
 * more than a second after the answer of the revocation was accepted.
 */
const seconds = numberAfter('--seconds', 20);
const lanes = numberAfter('--lanes', 8);
const gatesCount = 4;
const promisedMs = 1_000;
/** How long each key is used before it is revoked. */
const usedMs = 300;
const adminToken = 'token-of-the-benchmark';
const here = path.dirname(fileURLToPath(import.meta.url));

interface StartedGate {
  readonly child: ChildProcess;
  readonly port: number;
  readonly adminPort: number;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-revoke-'));
const log = await startRealLog();
const gates: StartedGate[] = [];
try {
  for (let number = 0; number < gatesCount; number += 1) gates.push(await startGate(number));
  await run();
} finally {
  for (const { child } of gates) child.kill('SIGTERM');
  await log[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

async function startGate(number: number): Promise<StartedGate> {
  const { servers, user, password } = log.server.address;
  const child = fork(path.join(here, 'gate.ts'), {
    env: {
      ...process.env,
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_TOKEN: adminToken,
      HEADGATE_AUTH: 'keys',
      HEADGATE_DATA_DIR: path.join(folder, String(number)),
      HEADGATE_DURABILITY: 'async',
      HEADGATE_LOG_LEVEL: 'error',
      HEADGATE_NATS_URL: `nats://${user}:${password}@${servers[0]!.replace(/^nats:\/\//, '')}`,
      HEADGATE_ROLES: 'gate',
      HEADGATE_SHUTDOWN_GRACE: '1s',
    },
  });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve({ child, ...(message as object) } as StartedGate));
    child.once('exit', (code) => reject(new Error(`a gate exited with code ${code}`)));
  });
}

async function call<Answer>(method: string, request: object): Promise<Answer> {
  const url = `http://127.0.0.1:${gates[0]!.adminPort}/headgate.v1.KeyService/${method}`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  if (!answer.ok) throw new Error(`${method}: ${await answer.text()}`);
  return (await answer.json()) as Answer;
}

/** What the lanes of one gate see of the key of the round. */
interface Seen {
  firstAcceptedAt: number;
  /** When the last request that was accepted began. */
  lastAcceptedAt: number;
}

async function run(): Promise<void> {
  const seen: Seen[] = gates.map(() => ({ firstAcceptedAt: Infinity, lastAcceptedAt: -Infinity }));
  let key = 'hg_none';
  let answered = 0;
  let ended = false;
  const lane = async (gate: StartedGate, index: number): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!ended) {
      const sent = key;
      const sentAt = performance.now();
      const status = await track(gate.port, sent, agent);
      answered += 1;
      if (status !== 202 && status !== 401) throw new Error(`a request was answered ${status}`);
      if (status !== 202 || sent !== key) continue;
      const one = seen[index]!;
      one.firstAcceptedAt = Math.min(one.firstAcceptedAt, performance.now());
      one.lastAcceptedAt = Math.max(one.lastAcceptedAt, sentAt);
    }
    agent.destroy();
  };
  const running = gates.flatMap((gate, index) =>
    Array.from({ length: lanes }, () => lane(gate, index)),
  );
  const createdMs: number[] = [];
  const revokedMs: number[] = [];
  const startedAt = performance.now();
  while (performance.now() - startedAt < seconds * 1_000) {
    const made = await call<{ key: { id: string }; secret: string }>('CreateKey', {
      source: 'shop',
    });
    const createdAt = performance.now();
    for (const one of seen) Object.assign(one, { firstAcceptedAt: Infinity, lastAcceptedAt: 0 });
    key = made.secret;
    while (seen.some(({ firstAcceptedAt }) => firstAcceptedAt === Infinity)) await sleep(5);
    await sleep(usedMs);
    await call('RevokeKey', { id: made.key.id });
    const revokedAt = performance.now();
    await sleep(promisedMs + usedMs);
    for (const { firstAcceptedAt, lastAcceptedAt } of seen) {
      createdMs.push(firstAcceptedAt - createdAt);
      revokedMs.push(Math.max(0, lastAcceptedAt - revokedAt));
    }
  }
  const perSecond = (answered * 1_000) / (performance.now() - startedAt);
  ended = true;
  await Promise.all(running);
  const text = (name: string, values: number[]): string => {
    const sorted = values.toSorted((left, right) => left - right);
    const at = (share: number): string =>
      sorted[Math.ceil(sorted.length * share) - 1]!.toFixed(0).padStart(4);
    return `${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
  };
  console.log(`${gatesCount} gates, ${perSecond.toFixed(0)} requests/s, ${revokedMs.length} looks`);
  console.log(text('created, until a gate accepted it ', createdMs));
  console.log(text('revoked, until a gate refused it  ', revokedMs));
  console.log(`(limit ${promisedMs} ms)`);
  process.exitCode = Math.max(...createdMs, ...revokedMs) < promisedMs ? 0 : 1;
}

function track(port: number, key: string, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'x-write-key': key };
    const options = { host: '127.0.0.1', port, path: '/v1/track', method: 'POST', agent, headers };
    const request = http.request(options, (answer) =>
      answer.resume().on('end', () => resolve(answer.statusCode!)),
    );
    request.on('error', reject).end(
      JSON.stringify({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key: crypto.randomUUID(),
        properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
      }),
    );
  });
}
