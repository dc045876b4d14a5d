import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { settleDisk } from '../processes.ts';
import { drain, type Drain } from './drain.ts';
import { fillLog, type FilledLog } from './stored-events.ts';
import { startWarehouse, type Warehouse } from './warehouses.ts';
import { numberAfter, valueAfter } from '../script/options.ts';

/*
 * npm run bench:destinations [-- --events 300000] [--rounds 2] [--only sqlite,postgres]
 *                            [--beside FOLDER]
 *
 * Workers drain the stored events of a real log into each warehouse, and the engine's own bulk load
 * of the same rows runs after them, all in one run: only ratios of one run mean something. `--beside`
 * measures the worker of another checkout as well, in turn. CPU is that of each process per event: it
 * depends less on what else the machine does. Fails if a warehouse has not every event once. Needs
 * Linux's /proc; ClickHouse is measured where `npm run test:clickhouse` has installed it.
 */
const events = numberAfter('--events', 300_000);
const rounds = numberAfter('--rounds', 2);
const names = (valueAfter('--only') ?? 'sqlite,postgres,clickhouse,parquet').split(',');
const beside = valueAfter('--beside');

const checkouts = new Map([
  ['here', path.join(path.dirname(fileURLToPath(import.meta.url)), '..')],
]);
if (beside !== undefined) checkouts.set('beside', path.join(path.resolve(beside), 'bench'));

console.error(`${events.toLocaleString('en-US')} events are stored`);
const log = await fillLog(events);
try {
  for (const name of names) {
    const warehouse = await startWarehouse(name);
    if (warehouse === undefined) continue;
    try {
      await measure(log, warehouse);
    } finally {
      await warehouse.stop();
    }
  }
} finally {
  await log.stop();
}

async function measure(from: FilledLog, warehouse: Warehouse): Promise<void> {
  const drains = new Map<string, Drain[]>();
  const loads: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    console.error(`${warehouse.name}: round ${round} of ${rounds}`);
    // Each is first equally often.
    const turn = [...checkouts];
    turn.push(...turn.splice(0, round % turn.length));
    for (const [index, [checkout, bench]] of turn.entries()) {
      const part = `${warehouse.name}_${checkout}_${round}`;
      settleDisk();
      const measured = await drain(from, {
        bench,
        destination: part,
        settings: warehouse.settings(part),
        farProcessId: warehouse.farProcessId,
        endsWithWorker: warehouse.endsWithWorker,
      });
      drains.set(checkout, [...(drains.get(checkout) ?? []), measured]);
      const rows = await warehouse.rows(part);
      if (rows !== events) throw new Error(`${part} has ${rows} rows of ${events} events`);
      settleDisk();
      if (index === turn.length - 1) loads.push(events / (await warehouse.bulkLoad(part)));
      await warehouse.remove(part);
    }
  }
  print(warehouse, drains, loads);
}

/** Of several runs, the fastest and the least CPU: other work on the machine disturbs it least. */
function print(
  warehouse: Warehouse,
  drains: ReadonlyMap<string, readonly Drain[]>,
  loads: readonly number[],
): void {
  const load = Math.max(...loads);
  const best = (all: readonly Drain[]): Drain => ({
    perSecond: Math.max(...all.map(({ perSecond }) => perSecond)),
    workerUs: Math.min(...all.map(({ workerUs }) => workerUs)),
    natsUs: Math.min(...all.map(({ natsUs }) => natsUs)),
    farUs: Math.min(...all.map(({ farUs }) => farUs)),
  });
  for (const [checkout, all] of drains) {
    const { perSecond, workerUs, natsUs, farUs } = best(all);
    const far = warehouse.farProcessId === undefined ? '-' : farUs.toFixed(1);
    console.log(
      `${warehouse.name}, ${checkout}: ${whole(perSecond)}/s, µs of CPU an event: ` +
        `worker ${workerUs.toFixed(1)}, nats ${natsUs.toFixed(1)}, far side ${far}; ` +
        `${(perSecond / load).toFixed(2)} of the bulk load`,
    );
  }
  console.log(`${warehouse.name}, ${warehouse.bulkLoadName}: ${whole(load)}/s`);
  const other = drains.get('beside');
  if (other !== undefined) {
    const ratio = best(drains.get('here')!).perSecond / best(other).perSecond;
    console.log(`${warehouse.name}, here : beside = ${ratio.toFixed(2)}`);
  }
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
