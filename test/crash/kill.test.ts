import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { prepareGate, until } from './gate-process.ts';
import { killAndStart } from './kill-and-start.ts';
import { seededChance, type Victim } from './kill-plan.ts';
import { startLoad } from './steady-load.ts';
import { countRows, readMessageIds, readWarehouse } from './stored-state.ts';

const victims: readonly Victim[] = [
  ...Array.from<Victim>({ length: 4 }).fill('gate'),
  ...Array.from<Victim>({ length: 3 }).fill('nats-server'),
  ...Array.from<Victim>({ length: 3 }).fill('both'),
];

test('ten times kill -9 under load: every acknowledged event is stored once', async () => {
  const chance = seededChance();
  await using gate = await prepareGate({ env: { HEADGATE_DESTINATIONS_WAREHOUSE_ACK_WAIT: '2s' } });
  let run = await gate.start();
  await using load = startLoad(gate.url, { lanes: 8, batchEvents: 50, pauseMs: 20 });
  const recoveries: string[] = [];
  for (const victim of chance.shuffle(victims)) {
    await sleep(chance.between(100, 1_500));
    const killedAt = performance.now();
    run = await killAndStart(gate, run, victim);
    await load.nextAcknowledgement();
    recoveries.push(`${victim} ${Math.round(performance.now() - killedAt)} ms`);
    expect(gate.servers().length).toBeLessThan(2);
  }
  await load.finish();
  const ids = new Set(load.acknowledged.values());
  console.log(
    `seed ${chance.seed}: ${ids.size} events acknowledged over ${victims.length} kills, ` +
      `${JSON.stringify(load.counts())}; acknowledging again after: ${recoveries.join(', ')}`,
  );
  expect(load.acknowledged.size).toBe(load.sent.size);
  expect(ids.size).toBe(load.sent.size);

  await until(
    () => countRows(gate.dataDir),
    (rows) => rows >= ids.size,
  );
  const warehouse = readWarehouse(gate.dataDir);
  expect(warehouse.integrity).toBe('ok');
  expect(warehouse.rowCount).toBe(warehouse.rows.size);
  expect([...ids].filter((id) => !warehouse.rows.has(id))).toEqual([]);
  expect([...warehouse.rows.values()].filter((key) => !load.sent.has(key))).toEqual([]);
  const messageIds = await readMessageIds(gate.dataDir, 'EVENTS');
  expect(messageIds.length).toBe(new Set(messageIds).size);
  expect(messageIds.length).toBe(load.sent.size);
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
  expect(gate.servers()).toEqual([]);
});
