import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { prepareGate, until, type GateProcess, type GateRun } from './gate-process.ts';
import { countRows } from './stored-state.ts';
import { startWebhookReceiver } from './webhook-receiver.ts';

const MiB = 1024 * 1024;

/** How long nothing may arrive, on a machine that does other work. */
const pauseMsMax = 5_000;

/**
 * Ten times the payload that one destination holds, and events as large as the limit can be. The bounds of
 * memory are those of docs/destinations/delivery.md.
 */
const backlogs = [
  { count: 3_000, bytes: 250_000, residentBytesMax: 1_536 * MiB, env: {} },
  {
    count: 120,
    bytes: 7_900_000,
    residentBytesMax: 2_560 * MiB,
    env: { HEADGATE_LIMITS_EVENT_BYTES_MAX: '8000000', HEADGATE_LIMITS_REQUEST_BYTES_MAX: '16MiB' },
  },
] as const;

/** Stores events while no destination exists, then stops the gate. Returns their ids. */
async function storeBacklog(
  gate: GateProcess,
  { count, bytes }: (typeof backlogs)[number],
): Promise<ReadonlySet<string>> {
  writeFileSync(path.join(gate.dataDir, 'headgate.yaml'), 'destinations: {}\n');
  const run = await gate.start();
  const ids = new Set<string>();
  const pad = 'x'.repeat(bytes - 1_000);
  const send = async (): Promise<void> => {
    const answer = await fetch(`${gate.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key: randomUUID(),
        properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
        context: { pad },
      }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status}: ${text.slice(0, 500)}`);
    ids.add((JSON.parse(text) as { event_id: string }).event_id);
  };
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await send();
    }
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  run.kill('SIGTERM');
  await run.exit;
  return ids;
}

/** Bytes of a line of /proc/PID/status: `VmRSS` now, `VmHWM` at most so far. */
function residentBytes({ processId }: GateRun, line: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${processId}/status`, 'utf8');
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
}

/** Watches a backlog drain. Fails if the process ends, or if nothing arrives for ten seconds. */
async function drain(
  gate: GateProcess,
  arrived: () => number,
  count: number,
): Promise<{ longestMs: number; residentMost: number }> {
  const run = await gate.start();
  let ended: string | undefined;
  void run.exit.then(({ code, stderr }) => (ended = `code ${code}: ${stderr.slice(-2_000)}`));
  const begun = performance.now();
  let newestAt = begun;
  let newest = 0;
  let longestMs = 0;
  await until(
    () => {
      if (ended !== undefined) throw new Error(`the gate ended: ${ended}`);
      const now = performance.now();
      const number = arrived();
      if (number > newest) {
        newest = number;
        newestAt = now;
      }
      longestMs = Math.max(longestMs, now - newestAt);
      return number;
    },
    (number) => number >= count || longestMs > 10_000,
    120_000,
    100,
  );
  const memory = Math.round(residentBytes(run, 'VmHWM') / MiB);
  console.log(
    `${newest} events in ${Math.round(performance.now() - begun)} ms, longest pause ` +
      `${Math.round(longestMs)} ms, at most ${memory} MiB resident`,
  );
  expect(newest).toBe(count);
  // The log lost no connection on the way: nats-server disconnects a client that is too slow.
  expect(gate.output()).not.toContain('"disconnect"');
  expect(gate.output()).not.toContain('no code handled');
  return { longestMs, residentMost: memory * MiB };
}

const settings = { HEADGATE_LOG_STORAGE_BYTES_MAX: '3GiB', HEADGATE_DURABILITY: 'async' };

/** All four take two minutes; each size and each destination is in the two that always run. */
const isLong = process.env['HEADGATE_TEST_LONG'] === '1';
const [many, large] = backlogs;

test.each(isLong ? backlogs : [many])(
  '$count events of $bytes bytes drain into sqlite at a steady rate, in bounded memory',
  async (backlog) => {
    await using gate = await prepareGate({ env: { ...settings, ...backlog.env } });
    const { size } = await storeBacklog(gate, backlog);
    const warehouse = `  warehouse: { type: sqlite, path: "${gate.dataDir}/warehouse.db" }\n`;
    writeFileSync(path.join(gate.dataDir, 'headgate.yaml'), `destinations:\n${warehouse}`);
    const drained = await drain(gate, () => countRows(gate.dataDir), size);
    expect(drained.longestMs).toBeLessThan(pauseMsMax);
    expect(drained.residentMost).toBeLessThan(backlog.residentBytesMax);
  },
  240_000,
);

test.each(isLong ? backlogs : [large])(
  '$count events of $bytes bytes drain into a webhook at a steady rate, in bounded memory',
  async (backlog) => {
    const receiver = await startWebhookReceiver();
    await using gate = await prepareGate({ env: { ...settings, ...backlog.env } });
    const ids = await storeBacklog(gate, backlog);
    const crm = receiver.yaml('{ attempts: 100, base: 50ms, cap: 500ms }');
    // It is new to the log, which has the backlog already.
    const settled = crm.replace('timeout: 1s', 'timeout: 10s\n    from: earliest');
    const yaml = `destinations:\n  crm:\n${settled}`;
    writeFileSync(path.join(gate.dataDir, 'headgate.yaml'), yaml);
    const drained = await drain(gate, () => receiver.taken.size, ids.size);
    expect(drained.longestMs).toBeLessThan(pauseMsMax);
    expect(drained.residentMost).toBeLessThan(backlog.residentBytesMax);
    expect(receiver.taken).toEqual(ids);
  },
  240_000,
);
