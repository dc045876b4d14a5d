import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { killHard, prepareGate, until, type GateProcess } from './gate-process.ts';
import { seededChance } from './kill-plan.ts';
import { makeEvent, openTrackClient } from './steady-load.ts';
import { readWarehouse } from './stored-state.ts';

const killsMax = 15;
const lastKillMs = 2_000;

/**
 * Records the maximum number of nats-servers at the same time. A process counts once three polls in
 * a row find it: on a busy machine a poll takes milliseconds, in which one server may end and
 * another start, and a forked process looks like its parent until it executes another program.
 */
function watchServers(gate: GateProcess) {
  const seen = { most: 0 };
  let polls = new Map<number, number>();
  const timer = setInterval(() => {
    polls = new Map(gate.servers().map((id) => [id, (polls.get(id) ?? 0) + 1]));
    const settled = [...polls.values()].filter((count) => count >= 3);
    seen.most = Math.max(seen.most, settled.length);
  }, 4);
  return { seen, [Symbol.dispose]: () => clearInterval(timer) };
}

/** Starts the gate, sends one event to the warehouse, and stops the gate. */
async function proveRecovered(gate: GateProcess): Promise<void> {
  const run = await gate.start();
  const { client, close } = openTrackClient(gate.url);
  const { results } = await client.batchTrack({ events: [makeEvent('u-1')] });
  close();
  expect(results).toMatchObject([{ status: EventResult_Status.ACCEPTED }]);
  await until(
    () => readWarehouse(gate.dataDir).rows,
    (rows) => rows.has(results[0]!.eventId),
  );
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
  expect(gate.servers()).toEqual([]);
}

describe('kill -9 of a gate that is starting', () => {
  // One kill in each slice of the time, so that every phase of the start is covered.
  test('at any moment: the next start recovers, with at most one nats-server', async () => {
    const chance = seededChance();
    const slices = chance.shuffle(Array.from({ length: killsMax }, (_, index) => index));
    const moments = slices.map((slice) =>
      chance.between((slice / killsMax) * lastKillMs, ((slice + 1) / killsMax) * lastKillMs),
    );
    // Some kills hit a new store, while its streams are being created.
    const groups = [0, 3, 6].map((first) => moments.slice(first, first + 3));
    groups.push(moments.slice(9));
    for (const group of groups) {
      await using gate = await prepareGate();
      using servers = watchServers(gate);
      for (const [index, killMs] of group.entries()) {
        const run = gate.spawn();
        await sleep(killMs);
        run.kill('SIGKILL');
        // In every second case, kill nats-server too, while it is writing.
        if (index % 2 === 1) for (const processId of gate.servers()) killHard(processId);
        await run.exit;
        // Every third kill hits a start that itself came after a killed one.
        if (index % 3 !== 0) await proveRecovered(gate);
      }
      await proveRecovered(gate);
      expect(servers.seen.most, `seed ${chance.seed}`).toBe(1);
    }
    console.log(`seed ${chance.seed}: killed after ${moments.map(Math.round).join(', ')} ms`);
  });

  test('as soon as its nats-server runs', async () => {
    await using gate = await prepareGate();
    using servers = watchServers(gate);
    for (let round = 0; round < 5; round += 1) {
      const run = gate.spawn();
      await until(gate.servers, (ids) => ids.length > 0, 10_000, 1);
      run.kill('SIGKILL');
      await run.exit;
    }
    await proveRecovered(gate);
    expect(servers.seen.most).toBe(1);
  });

  test('while nats-server still reads a large store and has not reported a port', async () => {
    await using gate = await prepareGate();
    const binary = path.join(gate.dataDir, 'slow-nats-server');
    const real = await findServerBinary({
      named: process.env['HEADGATE_NATS_SERVER_BIN'],
      searchPath: process.env['PATH'] ?? '',
    });
    writeFileSync(
      binary,
      `#!/bin/sh\ncase "$1" in --config) sleep 1.5;; esac\nexec "${real.path}" "$@"\n`,
    );
    chmodSync(binary, 0o755);
    using servers = watchServers(gate);
    const run = gate.spawn({ HEADGATE_NATS_SERVER_BIN: binary });
    await until(gate.servers, (ids) => ids.length > 0, 10_000, 1);
    run.kill('SIGKILL');
    await run.exit;
    await proveRecovered(gate);
    // If the first server was still running, it would open the store about now.
    await sleep(1_000);
    expect(gate.servers()).toEqual([]);
    expect(servers.seen.most).toBe(1);
  });
});
