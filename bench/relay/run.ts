import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { freePort, generatorCore, pin, serverCore, startGate, type Gate } from '../processes.ts';

/*
 * npm run bench:relay [-- --events 300000] [--floor 50000]
 *
 * One gate forwards its stored events to another (destination `headgate`), both on this machine with
 * their nats-servers. The events are stored first, while the far gate is away; then the far gate starts,
 * and what counts is the time from its first event to its last. Fails below the floor, or if an event is
 * missing. CPU is that of each process per event: it depends less on what else the machine does.
 */
const args = process.argv.slice(2);
const numberAfter = (name: string, otherwise: number): number => {
  const at = args.indexOf(name);
  return at === -1 ? otherwise : Number(args[at + 1]);
};
const events = numberAfter('--events', 300_000);
const floor = numberAfter('--floor', 50_000);
const batch = 500;
const token = 'token-of-the-relay-bench-4711';
const key = 'hg_key-of-the-relay-bench';
const minutesMax = 5;

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-relay-'));
const farPort = await freePort();
const write = (name: string, content: object): string => {
  const file = path.join(folder, name);
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(content));
  return file;
};
const shared = {
  HEADGATE_ADMIN_TOKEN: token,
  HEADGATE_LOG_STORAGE_BYTES_MAX: '2GiB',
  // That the far gate is away at first is meant.
  HEADGATE_LOG_LEVEL: 'error',
};
const relay = await startGate({
  ...shared,
  HEADGATE_CONFIG: write('relay.yaml', {
    destinations: { far: { type: 'headgate', url: `http://127.0.0.1:${farPort}`, key } },
  }),
});
let far: Gate | undefined;
try {
  console.error(`${events} events are stored at the relay`);
  for (let sent = 0; sent < events; sent += batch) await track(Math.min(batch, events - sent));
  far = await startGate({
    ...shared,
    HEADGATE_LISTEN: `127.0.0.1:${farPort}`,
    HEADGATE_AUTH: 'keys',
    HEADGATE_CONFIG: write('far.yaml', {
      keys: [{ source: 'relay', hash: hashWriteKey(key), relay_sources: ['*'] }],
      destinations: {},
    }),
  });
  const watched = processesOf({ relay, far });
  // Each gate with its nats-server on a core of its own, as on two hosts.
  for (const [name, id] of watched) {
    pin(id, name.startsWith('relay') ? generatorCore : serverCore);
  }
  let first: { at: number; count: number; cpu: Map<string, number> } | undefined;
  const limit = performance.now() + minutesMax * 60_000;
  for (;;) {
    const count = await relayed(far);
    const at = performance.now();
    if (first === undefined && count > 0) first = { at, count, cpu: cpuOf(watched) };
    if (count >= events) break;
    if (at > limit) throw new Error(`${count} of ${events} events arrived in time`);
    await sleep(50);
  }
  const seconds = (performance.now() - first!.at) / 1_000;
  const counted = events - first!.count;
  const rate = Math.round(counted / seconds);
  const isGood = rate >= floor;
  console.log(`${isGood ? 'ok  ' : 'LOW '} ${rate} events/s to one far gate (floor ${floor})`);
  for (const [name, ms] of cpuOf(watched)) {
    const us = ((ms - first!.cpu.get(name)!) * 1_000) / counted;
    console.log(`     ${us.toFixed(1)} µs of CPU per event: ${name}`);
  }
  const load = os.loadavg()[0]!.toFixed(1);
  console.log(`     load of the machine: ${load} on ${os.availableParallelism()} cores`);
  process.exitCode = isGood ? 0 : 1;
} finally {
  await relay.stop();
  await far?.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Verdicts that the far gate has counted. */
async function relayed(gate: Gate): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const text = await response.text();
  const found = text.matchAll(/^headgate_relayed_events_total\{[^}]*\} (\d+)/gm);
  return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function track(count: number): Promise<void> {
  const all = Array.from({ length: count }, () => ({
    event_name: 'order_completed',
    user_id: 'user-7f3a9c21',
    idempotency_key: randomUUID(),
    properties: { order_id: 'A-1001-2026-03-01', total: 129.95, currency: 'EUR' },
  }));
  const response = await fetch(`http://127.0.0.1:${relay.port}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events: all }),
  });
  if (response.status >= 300) throw new Error(`/v1/batch answered ${response.status}`);
  await response.arrayBuffer();
}

/** Each gate and its nats-server, which is its child. */
function processesOf(gates: Readonly<Record<string, Gate>>): Map<string, number> {
  return new Map(
    Object.entries(gates).flatMap(([name, { processId }]) => {
      const children = execFileSync('pgrep', ['-P', String(processId)], { encoding: 'utf8' });
      return [
        [`${name} gate`, processId] as const,
        [`${name} nats-server`, Number(children.trim().split('\n')[0])] as const,
      ];
    }),
  );
}

/** User and system time so far in ms, in the ticks of Linux: 100 a second. */
function cpuOf(watched: ReadonlyMap<string, number>): Map<string, number> {
  return new Map(
    [...watched].map(([name, id]) => {
      const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1]!.split(' ');
      return [name, (Number(fields[11]) + Number(fields[12])) * 10] as const;
    }),
  );
}
