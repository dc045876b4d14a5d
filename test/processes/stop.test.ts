import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { killHard, prepareGate, until } from '../crash/gate-process.ts';
import { startLoad } from '../crash/steady-load.ts';
import { countRows, readWarehouse } from '../crash/stored-state.ts';
import { gateProcessesOf, isRunning, untilServing } from './gate-processes.ts';

const env = { HEADGATE_PROCESSES: '2' };
const pace = { lanes: 2, batchEvents: 20, pauseMs: 10 };

test('Ctrl-C under load, as a terminal sends it, drains all processes and leaves none', async () => {
  await using gate = await prepareGate({ env });
  const run = await gate.start();
  await untilServing(gate, 2);
  const loads = Array.from({ length: 4 }, () => startLoad(gate.url, pace));
  await sleep(1_000);
  const gates = gateProcessesOf(run.processId);
  // Sent to the whole process group: gate processes must ignore it and wait for the first one.
  for (const each of gates) process.kill(each, 'SIGINT');
  await sleep(100);
  expect(gates.filter(isRunning)).toEqual(gates);
  const startedAt = performance.now();
  run.kill('SIGINT');
  const { code, stderr } = await run.exit;
  console.log(`stopped in ${Math.round(performance.now() - startedAt)} ms`);
  expect(code).toBe(0);
  expect(stderr).not.toContain('Error');
  expect(gates.filter(isRunning)).toEqual([]);
  expect(gate.servers()).toEqual([]);
  expect(await takesConnections(gate.url)).toBe(false);
  expect(gate.output()).not.toContain('ended by itself');

  const second = await gate.start();
  await Promise.all(loads.map((load) => load.finish()));
  const ids = new Set(loads.flatMap((load) => [...load.acknowledged.values()]));
  await until(
    () => countRows(gate.dataDir),
    (rows) => rows >= ids.size,
  );
  expect(new Set(readWarehouse(gate.dataDir).rows.keys())).toEqual(ids);
  second.kill('SIGTERM');
  expect(await second.exit).toMatchObject({ code: 0 });
});

test('the others end at once if the first process is killed, and the next start works', async () => {
  await using gate = await prepareGate({
    env: { ...env, HEADGATE_DESTINATIONS_WAREHOUSE_ACK_WAIT: '2s' },
  });
  const run = await gate.start();
  await untilServing(gate, 2);
  const loads = Array.from({ length: 4 }, () => startLoad(gate.url, pace));
  await sleep(500);
  const gates = gateProcessesOf(run.processId);
  expect(gates).toHaveLength(2);
  const killedAt = performance.now();
  run.kill('SIGKILL');
  await until(
    async () => gates.some(isRunning) || (await takesConnections(gate.url)),
    (left) => !left,
    2_000,
    10,
  );
  console.log(`none left after ${Math.round(performance.now() - killedAt)} ms`);
  await run.exit;

  const second = await gate.start();
  await Promise.all(loads.map((load) => load.finish()));
  const ids = new Set(loads.flatMap((load) => [...load.acknowledged.values()]));
  await until(
    () => countRows(gate.dataDir),
    (rows) => rows >= ids.size,
    60_000,
  );
  const { rows, rowCount } = readWarehouse(gate.dataDir);
  expect(rowCount).toBe(ids.size);
  expect([...ids].filter((id) => !rows.has(id))).toEqual([]);
  second.kill('SIGTERM');
  expect(await second.exit).toMatchObject({ code: 0 });
});

test('reports a port in use in one sentence', async () => {
  await using gate = await prepareGate({ env });
  const { port } = new URL(gate.url);
  const other = net.createServer();
  await new Promise<void>((resolve) => {
    other.listen(Number(port), '127.0.0.1', resolve);
  });
  try {
    const run = gate.spawn();
    const { code, stderr } = await run.exit;
    expect(code).toBe(1);
    expect(stderr).toBe(
      `headgate: 127.0.0.1:${port} is in use by another program. Free it, or choose another with HEADGATE_LISTEN.\n`,
    );
    expect(gateProcessesOf(run.processId)).toEqual([]);
    expect(gate.servers()).toEqual([]);
  } finally {
    other.close();
  }
});

test('restarts gate processes that are killed during their start, with growing delays', async () => {
  await using gate = await prepareGate({ env });
  const run = await gate.start();
  await untilServing(gate, 2);
  const killed = new Set<number>();
  const readiness = new Set<number>();
  const startedAt = performance.now();
  while (performance.now() - startedAt < 4_000) {
    for (const each of gateProcessesOf(run.processId)) {
      killed.add(each);
      killHard(each);
    }
    const answer = await fetch(`http://${gate.adminListen}/readyz`);
    readiness.add(answer.status);
    await answer.body?.cancel();
    await sleep(10);
  }
  expect(readiness).toContain(503);
  console.log(`${killed.size} killed within 4 s`);
  // 100, 200, 400, 800, 1600 ms: each of the two starts five or six times.
  expect(killed.size).toBeGreaterThan(2);
  expect(killed.size).toBeLessThan(16);
  await untilServing(gate, 2);
  await until(
    async () => (await fetch(`http://${gate.adminListen}/readyz`)).status,
    (status) => status === 200,
  );
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
});

function takesConnections(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
