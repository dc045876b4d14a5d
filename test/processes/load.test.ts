import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, onTestFinished, test } from 'vitest';

import { killHard, prepareGate, until } from '../crash/gate-process.ts';
import { startLoad } from '../crash/steady-load.ts';
import { countRows, readMessageIds, readWarehouse } from '../crash/stored-state.ts';
import {
  commandLineOf,
  connectionsOf,
  environmentOf,
  gateProcessesOf,
  scrape,
  total,
  untilServing,
} from './gate-processes.ts';

const env = { HEADGATE_PROCESSES: '2' };
const pace = { lanes: 2, batchEvents: 20, pauseMs: 10 };

test('two processes get the connections in turn, and are counted as one', async () => {
  await using gate = await prepareGate({ env });
  const run = await gate.start();
  await untilServing(gate, 2);
  const gates = gateProcessesOf(run.processId);
  expect(gates).toHaveLength(2);

  // Each load has one connection.
  const loads = Array.from({ length: 4 }, () => startLoad(gate.url, pace));
  await sleep(1_000);
  const port = Number(new URL(gate.url).port);
  // In turn, but for connections of the start that may have shifted it by one.
  const connections = gates.map((each) => connectionsOf(each, port));
  expect(connections.reduce((sum, count) => sum + count, 0)).toBe(4);
  expect(Math.min(...connections)).toBeGreaterThanOrEqual(1);
  expect(connectionsOf(run.processId, port)).toBe(0);
  await Promise.all(loads.map((load) => load.finish()));

  const sent = loads.reduce((sum, load) => sum + load.sent.size, 0);
  const page = await until(
    () => scrape(gate),
    (page) => total(page, 'headgate_events_total', 'outcome="accepted"') >= sent,
  );
  expect(total(page, 'headgate_events_total')).toBe(sent);
  expect(total(page, 'headgate_requests_total')).toBe(sent / pace.batchEvents);
  expect(total(page, 'headgate_requests_total', 'code="ok"')).toBe(sent / pace.batchEvents);
  expect(total(page, 'headgate_request_duration_seconds_count')).toBe(sent / pace.batchEvents);
  expect(total(page, 'headgate_publish_duration_seconds_count')).toBe(sent);
  expect(total(page, 'headgate_publish_duration_seconds_sum')).toBeGreaterThan(0);
  const last = total(page, 'headgate_last_event_timestamp_seconds', 'order_completed');
  expect(Math.abs(last - Date.now() / 1000)).toBeLessThan(10);
  await until(
    async () => total(await scrape(gate), 'headgate_deliveries_total', 'outcome="delivered"'),
    (delivered) => delivered === sent,
  );

  const { password } = JSON.parse(
    readFileSync(path.join(gate.dataDir, 'nats', 'client.json'), 'utf8'),
  ) as { password: string };
  for (const each of gates) {
    expect(commandLineOf(each)).not.toBe('');
    expect(commandLineOf(each) + environmentOf(each)).not.toContain(password);
  }
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
});

test('replaces a killed gate process without losing an event or lowering a total', async () => {
  await using gate = await prepareGate({ env });
  const run = await gate.start();
  await untilServing(gate, 2);
  const loads = Array.from({ length: 4 }, () => startLoad(gate.url, pace));
  const watch = watchTotals(() => scrape(gate));
  const recoveries: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    await sleep(700);
    const [victim] = gateProcessesOf(run.processId);
    const killedAt = performance.now();
    killHard(victim!);
    await untilServing(gate, 1);
    await untilServing(gate, 2);
    recoveries.push(Math.round(performance.now() - killedAt));
    expect(gateProcessesOf(run.processId)).not.toContain(victim);
    await Promise.all(loads.map((load) => load.nextAcknowledgement()));
  }
  await Promise.all(loads.map((load) => load.finish()));
  await sleep(500);
  const { scrapes, slowestMs, fallen } = await watch.end();
  console.log(
    `replaced after ${recoveries.join(', ')} ms; ${scrapes} scrapes, slowest ${Math.round(slowestMs)} ms`,
  );
  expect(fallen).toEqual([]);
  expect(Math.max(...recoveries)).toBeLessThan(30_000);

  const ids = new Set(loads.flatMap((load) => [...load.acknowledged.values()]));
  await until(
    () => countRows(gate.dataDir),
    (rows) => rows >= ids.size,
  );
  const { rows, rowCount } = readWarehouse(gate.dataDir);
  expect(rowCount).toBe(ids.size);
  expect([...ids].filter((id) => !rows.has(id))).toEqual([]);
  const messageIds = await readMessageIds(gate.dataDir, 'EVENTS');
  expect(messageIds).toHaveLength(ids.size);
  // The first process delivers and still runs, so it has counted every event.
  expect(total(await scrape(gate), 'headgate_deliveries_total', 'delivered')).toBe(ids.size);
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
});

test('a hanging gate process delays no scrape, and delays a stop only by its grace period', async () => {
  await using gate = await prepareGate({ env: { ...env, HEADGATE_SHUTDOWN_GRACE: '500ms' } });
  const run = await gate.start();
  await untilServing(gate, 2);
  const [hung] = gateProcessesOf(run.processId);
  process.kill(hung!, 'SIGSTOP');
  const watch = watchTotals(() => scrape(gate));
  await sleep(1_000);
  expect((await watch.end()).slowestMs).toBeLessThan(5_000);
  const startedAt = performance.now();
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

/**
 * Scrapes again and again. `fallen`: every counter, and part of a histogram, that ever was lower.
 */
function watchTotals(read: () => Promise<ReadonlyMap<string, number>>) {
  const seen = { scrapes: 0, slowestMs: 0, fallen: [] as string[] };
  let before: ReadonlyMap<string, number> = new Map();
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      const startedAt = performance.now();
      const page = await read();
      seen.slowestMs = Math.max(seen.slowestMs, performance.now() - startedAt);
      seen.scrapes += 1;
      for (const [series, value] of page) {
        // The time of the oldest event that waits is 0 once none does.
        const counts =
          /^[a-z_]+_(total|bucket|sum|count|timestamp_seconds)\b/.test(series) &&
          !series.includes('_oldest_timestamp_seconds');
        const earlier = before.get(series) ?? 0;
        if (counts && value < earlier) seen.fallen.push(`${series}: ${earlier} -> ${value}`);
      }
      before = page;
      await sleep(40);
    }
  })();
  // `end` reports it. A test that fails before has killed the gate.
  watching.catch(() => {});
  onTestFinished(() => void (ended = true));
  return {
    end: async () => {
      ended = true;
      await watching;
      return seen;
    },
  };
}
