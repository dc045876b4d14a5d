import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { prepareGate, until } from './gate-process.ts';
import { killAndStart } from './kill-and-start.ts';
import { seededChance, type Victim } from './kill-plan.ts';
import { startLoad } from './steady-load.ts';
import { countRows, readMessageIds, readWarehouse } from './stored-state.ts';
import { startWebhookReceiver } from './webhook-receiver.ts';

const victims: readonly Victim[] = ['gate', 'nats-server', 'both', 'gate', 'both'];

test('every event reaches both destinations despite kills and a receiver outage', async () => {
  const chance = seededChance();
  const receiver = await startWebhookReceiver();
  const retry = '{ attempts: 100, base: 50ms, cap: 500ms }';
  await using gate = await prepareGate({
    yaml: (dataDir) =>
      'destinations:\n' +
      `  warehouse: { type: sqlite, path: "${dataDir}/warehouse.db", ack_wait: 2s }\n` +
      `  crm:\n${receiver.yaml(retry)}`,
  });
  let run = await gate.start();
  await using load = startLoad(gate.url, { lanes: 2, batchEvents: 50, pauseMs: 250 });
  for (const [index, victim] of chance.shuffle(victims).entries()) {
    await sleep(chance.between(100, 1_200));
    // One kill happens while the receiver is down, and it stays down after that.
    if (index === 2) await receiver.server.close();
    run = await killAndStart(gate, run, victim);
    await load.nextAcknowledgement();
    if (index === 3) await receiver.server.listen();
    expect(gate.servers().length).toBeLessThan(2);
  }
  await load.finish();
  const ids = new Set(load.acknowledged.values());
  expect(load.acknowledged.size).toBe(load.sent.size);

  await until(
    () => receiver.taken.size,
    (size) => size >= ids.size,
    40_000,
  );
  await until(
    () => countRows(gate.dataDir),
    (rows) => rows >= ids.size,
  );
  const { requests, forged } = receiver.counts();
  console.log(
    `seed ${chance.seed}: ${ids.size} events acknowledged over ${victims.length} kills, ` +
      `${JSON.stringify(load.counts())}; the receiver saw ${requests} requests`,
  );
  expect(forged).toBe(0);
  expect(receiver.taken).toEqual(ids);
  const warehouse = readWarehouse(gate.dataDir);
  expect(warehouse.integrity).toBe('ok');
  expect(new Set(warehouse.rows.keys())).toEqual(ids);
  expect(await readMessageIds(gate.dataDir, 'DEAD')).toEqual([]);
});
