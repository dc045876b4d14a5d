import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { settleDisk } from '../processes.ts';
import { drain, type Drain } from './drain.ts';
import { fillLog, type FilledLog } from './stored-events.ts';
import { startWarehouse, type Warehouse } from './warehouses.ts';
import { numberAfter, valueAfter } from '../script/options.ts';

/*
 * npm run bench:destinations [-- --events 300000] [--rounds 2] [--only sqlite,postgres]
 *                            [--tables events,per_event,both] [--beside FOLDER] [--profile FOLDER]
 *
 * Workers drain the stored events of a real log into each warehouse, and the engine's own bulk load
 * of the same rows runs after them, all in one run: only ratios of one run mean something. `--beside`
 * measures the worker of another checkout as well, in turn; its table is always the one of all events, so that
 * tables with typed columns are held against the same. CPU is that of each process per event: it depends less
 * on what else the machine does. Fails if a warehouse has not every event once in each of its tables, or if a
 * ratio to the other checkout is below the floor of its warehouse. Needs Linux's /proc; ClickHouse is measured
 * where `npm run test:clickhouse` has installed it.
 */
const events = numberAfter('--events', 300_000);
const rounds = numberAfter('--rounds', 2);
const names = (valueAfter('--only') ?? 'sqlite,postgres,clickhouse,parquet').split(',');
const modes = (valueAfter('--tables') ?? 'events,per_event').split(',');
const beside = valueAfter('--beside');

const here = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');

/** A worker that is measured: of this checkout with each mode of its tables, and of another one. */
interface Contender {
  readonly name: string;
  readonly bench: string;
  readonly mode: string;
}

const contenders: Contender[] = modes.map((mode) => ({ name: mode, bench: here, mode }));
if (beside !== undefined) {
  contenders.push({
    name: 'beside',
    bench: path.join(path.resolve(beside), 'bench'),
    mode: 'events',
  });
}

/** How many times as fast as the version beside, with each of the modes. */
const floors: Readonly<Record<string, number>> = {
  sqlite: 1.5,
  postgres: 3.5,
  clickhouse: 2,
  parquet: 3,
};

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
  const typedLoads: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    console.error(`${warehouse.name}: round ${round} of ${rounds}`);
    // Each is first equally often.
    const turn = [...contenders];
    turn.push(...turn.splice(0, round % turn.length));
    for (const { name, bench, mode } of turn) {
      const part = `${warehouse.name}_${name}_${round}`;
      const prefix = `${name}_${round}_`;
      settleDisk();
      const measured = await drain(from, {
        bench,
        destination: part,
        settings: { ...warehouse.settings(part), ...typedSettings(mode, prefix) },
        farProcessId: warehouse.farProcessId,
        endsWithWorker: warehouse.endsWithWorker,
      });
      drains.set(name, [...(drains.get(name) ?? []), measured]);
      const tables = [
        mode !== 'per_event' && undefined,
        mode !== 'events' && `${prefix}order_completed`,
      ].filter((table) => table !== false);
      for (const table of tables) {
        const rows = await warehouse.rows(part, table);
        if (rows !== events) throw new Error(`${part} has ${rows} rows of ${events} events`);
      }
      settleDisk();
      if (mode === 'events' && name !== 'beside')
        loads.push(events / (await warehouse.bulkLoad(part)));
      const typed = mode === 'per_event' ? tables.find((table) => table !== undefined) : undefined;
      const seconds = typed && (await warehouse.bulkLoadTyped?.(part, typed));
      if (typeof seconds === 'number') typedLoads.push(events / seconds);
      for (const table of tables) await warehouse.remove(part, table);
    }
  }
  print(warehouse, drains, loads);
  if (typedLoads.length > 0) {
    const best = whole(Math.max(...typedLoads));
    console.log(
      `${warehouse.name}, the same of the table with typed columns and its indexes: ${best}/s`,
    );
  }
}
/** An earlier version knows no such settings. */
function typedSettings(mode: string, prefix: string): object {
  return mode === 'events' ? {} : { tables: mode, table_prefix: prefix };
}

/** Of several runs, the fastest and the least CPU: other work on the machine disturbs it least. */
function bestOf(all: readonly Drain[]): Drain {
  return {
    perSecond: Math.max(...all.map(({ perSecond }) => perSecond)),
    workerUs: Math.min(...all.map(({ workerUs }) => workerUs)),
    natsUs: Math.min(...all.map(({ natsUs }) => natsUs)),
    farUs: Math.min(...all.map(({ farUs }) => farUs)),
  };
}

function print(
  warehouse: Warehouse,
  drains: ReadonlyMap<string, readonly Drain[]>,
  loads: readonly number[],
): void {
  const floor = floors[warehouse.name] ?? 0;
  const released = drains.get('beside');
  for (const [name, all] of drains) {
    const best = bestOf(all);
    const far = warehouse.farProcessId === undefined ? '-' : best.farUs.toFixed(1);
    console.log(
      `${warehouse.name}, ${name}: ${whole(best.perSecond)}/s, µs of CPU an event: ` +
        `worker ${best.workerUs.toFixed(1)}, nats ${best.natsUs.toFixed(1)}, far side ${far}`,
    );
    if (released === undefined || name === 'beside') continue;
    const other = bestOf(released);
    const ratio = best.perSecond / other.perSecond;
    const isLow = ratio < floor;
    if (isLow) process.exitCode = 1;
    const cpu = cpuOf(other) / cpuOf(best);
    console.log(
      `${warehouse.name}, ${name} : beside = ${ratio.toFixed(2)} in events/s (floor ${floor}` +
        `${isLow ? ', LOW' : ''}), ${cpu.toFixed(2)} in events per second of CPU`,
    );
  }
  if (loads.length === 0) return;
  console.log(`${warehouse.name}, ${warehouse.bulkLoadName}: ${whole(Math.max(...loads))}/s`);
}

/** Of everything that takes part. */
function cpuOf({ workerUs, natsUs, farUs }: Drain): number {
  return workerUs + natsUs + farUs;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
