import { readdirSync } from 'node:fs';
import path from 'node:path';
import { splitInThread } from '../../src/destinations/objects/split.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import { deliverAll, deliveryOfEvent } from './deliveries.ts';
import { parquetSettings } from './parquet-far-side.ts';

/** Delivers an event by every kind of thread, into the folder it is given, and prints what came of it. */
const folder = process.argv[2]!;
const file = path.join(folder, 'warehouse.db');
const lake = path.join(folder, 'lake');
const destinations = [
  await createSqliteDestination('warehouse', { path: file, busy_timeout: 1000 }),
  await createParquetDestination('lake', parquetSettings(lake)),
];
const kinds: string[] = [];
for (const destination of destinations) {
  const outcomes = await deliverAll(destination, [deliveryOfEvent()]);
  kinds.push(...outcomes.map(({ kind }) => kind));
  await destination.close();
}
const files = readdirSync(lake, { recursive: true }).filter((name) =>
  String(name).endsWith('.parquet'),
);
const parts = await splitInThread({ file: path.join(lake, String(files[0])) });
console.log(JSON.stringify({ kinds, files: files.length, events: parts[0]!.events }));
