import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { prepareGate, until, type GateProcess, type GateRun } from '../crash/gate-process.ts';
import { startLoad } from '../crash/steady-load.ts';
import { readMessageIds, readWarehouse } from '../crash/stored-state.ts';
import {
  expectMatching,
  expectSideEntries,
  leaveSideEntries,
  startOutsideWorld,
  waitUntilSettled,
} from './backed-up-gate.ts';

/** docs/operate/backup.md names these ways. Each leaves a copy of the data directory. */
const ways: Record<string, (gate: GateProcess, run: GateRun, copy: string) => Promise<GateRun>> = {
  'with Headgate stopped': async (gate, run, copy) => {
    run.kill('SIGTERM');
    expect(await run.exit).toMatchObject({ code: 0 });
    copyFolder(gate.dataDir, copy);
    return gate.start();
  },
  /**
   * What a snapshot of the file system holds: every file at one moment, with all that the kernel had
   * of it, because the file system writes that out before it makes the snapshot.
   */
  'by a snapshot under load': async (gate, run, copy) => {
    const servers = gate.servers();
    expect(servers).toHaveLength(1);
    run.kill('SIGSTOP');
    for (const processId of servers) process.kill(processId, 'SIGSTOP');
    copyFolder(gate.dataDir, copy);
    for (const processId of servers) process.kill(processId, 'SIGCONT');
    run.kill('SIGCONT');
    return run;
  },
};

test.each(Object.entries(ways))('a backup %s restores what was acknowledged', async (how, way) => {
  const copy = path.join(mkdtempSync(path.join(tmpdir(), 'headgate-backup-')), 'data');
  onTestFinished(() => rmSync(path.dirname(copy), { recursive: true, force: true }));
  const outside = await startOutsideWorld();
  await using gate = await prepareGate({ yaml: outside.yaml });
  let run = await gate.start();

  // Settled long before the backup: these must not come again.
  await using early = startLoad(gate.url, { lanes: 1, batchEvents: 50, pauseMs: 10 });
  await until(
    () => early.acknowledged.size,
    (size) => size > 300,
  );
  await early.finish();
  await leaveSideEntries(gate);
  await waitUntilSettled(gate);

  await using load = startLoad(gate.url, { lanes: 2, batchEvents: 20, pauseMs: 5 });
  await load.nextAcknowledgement();
  await load.nextAcknowledgement();
  const before = new Map([...early.acknowledged, ...load.acknowledged]);
  const arrivedBefore = new Set(outside.arrivals.keys());
  run = await way(gate, run, copy);
  await load.nextAcknowledgement();
  await load.finish();
  await waitUntilSettled(gate);
  expect(load.acknowledged.size + early.acknowledged.size).toBeGreaterThan(before.size);

  // The disk is lost.
  run.kill('SIGKILL');
  await run.exit;
  for (const processId of gate.servers()) process.kill(processId, 'SIGKILL');
  await until(
    () => gate.servers().length,
    (count) => count === 0,
  );
  rmSync(gate.dataDir, { recursive: true, force: true });
  copyFolder(copy, gate.dataDir);

  await gate.start();
  const keys = new Set(
    (await readMessageIds(gate.dataDir, 'EVENTS')).map((id) => id.slice(id.indexOf(':') + 1)),
  );
  expect([...before.keys()].filter((key) => !keys.has(key))).toEqual([]);
  await waitUntilSettled(gate);
  await expectSideEntries(gate);

  const warehouse = readWarehouse(gate.dataDir);
  expect(warehouse.integrity).toBe('ok');
  expect([...before.values()].filter((id) => !warehouse.rows.has(id))).toEqual([]);
  expect(warehouse.rowCount).toBe(warehouse.rows.size);
  const twice = [...outside.arrivals].filter(([, count]) => count > 1).map(([id]) => id);
  console.log(
    `${keys.size} events restored; ${twice.length} came to the webhook again, ` +
      `${twice.filter((id) => arrivedBefore.has(id)).length} of them from before the backup`,
  );
  // A clean stop writes all positions: then only what was delivered later comes again.
  const earlyIds = new Set(early.acknowledged.values());
  const never = how === 'with Headgate stopped' ? arrivedBefore : earlyIds;
  expect(twice.filter((id) => never.has(id))).toEqual([]);

  // It goes on: a new event has the sequence of one that the backup did not know.
  await using later = startLoad(gate.url, { lanes: 1, batchEvents: 10, pauseMs: 10 });
  await later.nextAcknowledgement();
  await later.finish();
  await waitUntilSettled(gate);
  await expectMatching(gate);
  const ids = [...later.acknowledged.values()];
  expect(ids.filter((id) => !outside.arrivals.has(id))).toEqual([]);
});

function copyFolder(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}
