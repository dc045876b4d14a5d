import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, onTestFinished, test } from 'vitest';

import { prepareGate, until } from '../crash/gate-process.ts';
import { seededChance } from '../crash/kill-plan.ts';
import { countRows, readMessageIds, readWarehouse } from '../crash/stored-state.ts';
import { createDisk, whyNoLoopMounts } from '../log/loop-disk.ts';
import { buildClient, findNode20 } from './built-client.ts';

const total = 200_000;
const kills = 20;
/** The runs of the program in which the gate stops and starts, and the disk fills. */
const gateStops = 5;
const gateStarts = 11;
const diskFills = 14;

/** One key per line: 36 characters and the line break. */
const noteBytes = 37;

test('twenty kills, an outage and a full disk: every tracked event arrives once', async () => {
  const chance = seededChance();
  using client = await buildClient();
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-tracking-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const program = path.join(client.folder, 'tracking-program.mjs');
  cpSync(path.join(import.meta.dirname, 'tracking-program.mjs'), program);
  const notes = path.join(folder, 'notes');
  writeFileSync(notes, '');
  const refusal = await whyNoLoopMounts();
  if (refusal !== undefined)
    console.warn(`skipped: the full disk, because loop mounts do not work here (${refusal})`);
  const disk =
    refusal === undefined
      ? await createDisk(path.join(folder, 'disk.img'), 64 * 1024 * 1024)
      : undefined;
  onTestFinished(() => disk?.unmount());
  const spool = path.join(disk?.folder ?? folder, 'spool');
  const filler = path.join(disk?.folder ?? folder, 'filler');
  const node20 = findNode20();
  if ('missing' in node20) console.warn(`skipped: ${node20.missing}`);

  await using gate = await prepareGate();
  let gateRun = await gate.start();
  const noted = (): number => Math.floor(statSync(notes).size / noteBytes);
  let output = '';
  let child: ChildProcess | undefined;
  onTestFinished(() => void child?.kill('SIGKILL'));

  /** The runs share one spool and alternate between the versions of Node and the protocols. */
  const start = (run: number): { exit: Promise<unknown[]>; printed: () => string } => {
    const protocol = ['connect', 'grpc', 'json'][run % 3];
    const options = {
      url: gate.url,
      protocol,
      directory: spool,
      notes,
      total,
      windowEvents: 1_000,
    };
    const node = 'path' in node20 && run % 2 === 1 ? node20.path : process.execPath;
    child = spawn(node, [program, JSON.stringify(options)], { cwd: client.folder });
    let printed = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        output += text;
      });
    }
    return { exit: once(child, 'close'), printed: () => printed };
  };

  for (let run = 0; run < kills; run += 1) {
    if (run === gateStops) {
      gateRun.kill('SIGKILL');
      await gateRun.exit;
    }
    if (run === gateStarts) gateRun = await gate.start();
    const before = noted();
    const { exit, printed } = start(run);
    if (run === diskFills && disk !== undefined) {
      await until(noted, (count) => count > before, 60_000, 5);
      // The spool runs out of room somewhere in the middle of a write.
      fillDisk(filler);
      await until(printed, (text) => text.includes('ENOSPC'), 60_000, 5);
    } else if (run !== diskFills + 1 || disk === undefined) {
      // Leaves work for every later run.
      const goal = before + (0.7 * (total - before)) / (kills - run + 1);
      await until(noted, (count) => count >= goal || child!.exitCode !== null, 60_000, 5);
      await sleep(chance.between(0, 60));
    } else {
      // This run began on a full disk.
      await until(printed, (text) => text.includes('ENOSPC'), 60_000, 5);
      rmSync(filler);
      await until(noted, (count) => count > before, 60_000, 5);
    }
    child!.kill('SIGKILL');
    await exit;
  }
  const killed = noted();
  expect(killed).toBeLessThan(total);
  const { exit, printed } = start(kills);
  expect(await exit).toEqual([0, null]);
  const end = JSON.parse(/done: (.*)/.exec(printed())![1]!) as Record<string, number | boolean>;
  console.log(
    `seed ${chance.seed}: ${killed} tracked over ${kills} kills; last run: ${JSON.stringify(end)}`,
  );
  expect(end).toMatchObject({ complete: true, waiting: 0, dropped: 0, rejected: 0 });
  expect(output).not.toMatch(/rejected:|dropped:|damaged:/);

  // A kill while a note is written leaves its beginning before the next note.
  const lines = readFileSync(notes, 'utf8').trimEnd().split('\n');
  const keys = lines.map((line) => line.slice(-36));
  expect(keys.length).toBe(total);
  expect(new Set(keys).size).toBe(total);
  const messageIds = await readMessageIds(gate.dataDir, 'EVENTS');
  await until(
    () => countRows(gate.dataDir),
    (rows) => rows >= new Set(messageIds).size,
    120_000,
  );
  const warehouse = readWarehouse(gate.dataDir);
  expect(warehouse.integrity).toBe('ok');
  const stored = new Set(warehouse.rows.values());
  expect(keys.filter((key) => !stored.has(key))).toEqual([]);
  // Each event once. Events that are not in the notes were tracked in the last moment before a
  // kill.
  expect(stored.size).toBe(warehouse.rowCount);
  expect(messageIds.length).toBe(new Set(messageIds).size);
  expect(stored.size - total).toBeLessThanOrEqual(kills * 1_000);
}, 300_000);

/** Writes `file` until the disk is full. */
function fillDisk(file: string): void {
  for (const size of [1024 * 1024, 4096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}
