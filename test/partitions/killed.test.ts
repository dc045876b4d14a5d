import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { prepareGate, until, type GateProcess } from '../crash/gate-process.ts';
import { killAndStart } from '../crash/kill-and-start.ts';
import { seededChance, type Victim } from '../crash/kill-plan.ts';
import { startLoad } from '../crash/steady-load.ts';
import { countRows, readMessageIds, readWarehouse } from '../crash/stored-state.ts';

const isLong = process.env['PARTITIONS'] === 'long';
const counts = isLong ? [4, 2, 8, 1, 3, 4, 2, 16, 1, 4] : [4, 2];
const victims: readonly Victim[] = ['gate', 'both', 'nats-server'];

/** Repeats the command until it has answered that the log has so many. */
const setPartitions = (gate: GateProcess, count: number) =>
  until(
    () => gate.headgate('partitions', 'set', String(count), '--yes'),
    ({ code }) => code === 0,
    120_000,
  );

test(
  `the number changes ${counts.length} times under load, with kill -9 in the middle: every event is at SQLite once`,
  async () => {
    const chance = seededChance();
    await using gate = await prepareGate({
      env: { HEADGATE_DESTINATIONS_WAREHOUSE_ACK_WAIT: '2s', HEADGATE_PROCESSES: '2' },
    });
    let run = await gate.start();
    await using load = startLoad(gate.url, { lanes: 4, batchEvents: 50, pauseMs: 20 });
    await load.nextAcknowledgement();
    for (const [index, count] of counts.entries()) {
      const changed = setPartitions(gate, count);
      // The command takes a second to begin, and a change two seconds.
      await sleep(chance.between(500, 4_000));
      run = await killAndStart(gate, run, victims[(index + chance.seed) % victims.length]!);
      expect((await changed).stdout).toMatch(
        count === 1 ? /has 1 partition / : `${count} partitions`,
      );
      await load.nextAcknowledgement();
    }
    await load.finish();
    const ids = new Set(load.acknowledged.values());
    console.log(`seed ${chance.seed}: ${ids.size} events, ${JSON.stringify(load.counts())}`);
    expect(load.acknowledged.size).toBe(load.sent.size);
    expect(ids.size).toBe(load.sent.size);
    await until(
      () => countRows(gate.dataDir),
      (rows) => rows >= ids.size,
      60_000,
    );
    const warehouse = readWarehouse(gate.dataDir);
    expect(warehouse.integrity).toBe('ok');
    expect(warehouse.rowCount).toBe(ids.size);
    expect([...ids].filter((id) => !warehouse.rows.has(id))).toEqual([]);
    // SQLite would hide an event that is in the log twice.
    const shown = await gate.headgate('partitions', 'show', '--json');
    const { partitions } = JSON.parse(shown.stdout) as {
      partitions: { stream: string; state: string }[];
    };
    expect(partitions.filter(({ state }) => state === 'open')).toHaveLength(counts.at(-1)!);
    const messageIds: string[] = [];
    for (const { stream } of partitions) {
      messageIds.push(...(await readMessageIds(gate.dataDir, stream)));
    }
    expect(new Set(messageIds).size).toBe(messageIds.length);
    expect(messageIds.length).toBe(load.sent.size);
    run.kill('SIGTERM');
    expect(await run.exit).toMatchObject({ code: 0 });
  },
  isLong ? 900_000 : 180_000,
);
