import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { Log } from '../../src/jetstream/log.ts';
import { openLog } from '../../src/jetstream/open-log.ts';
import { headerBlock } from '../../src/jetstream/publish/raw-publish.ts';
import {
  startEmbeddedServer,
  type EmbeddedServer,
} from '../../src/jetstream/server/embedded-server.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { prepareRuntime } from '../../src/service/runtime.ts';
import { keyPlaceholder, storedBody, writeKey } from '../payload.ts';
import { residentBytesMax } from '../processes.ts';
import { ownCpuSeconds } from '../script/cpu.ts';
import { median } from '../script/median.ts';
import { numberAfter, valueAfter } from '../script/options.ts';

/*
 * npm run bench:collections [-- --events 600000] [--window 25000]
 *                              [--go 'GOGC=100;GOGC=200;GOGC=400;GOGC=400 GOMEMLIMIT=256MiB']
 *
 * What Go's collector costs nats-server, and the memory that it saves: a server for each set of
 * variables, and all take the same events in turn, a window each, with ids that stay. Prints CPU of an
 * event, beside that of the first server in the same turns (of the second half, when there are many
 * ids), and the largest memory. Needs Linux.
 */
const events = numberAfter('--events', 600_000);
const windowEvents = numberAfter('--window', 25_000);
const sets = (valueAfter('--go') ?? 'GOGC=100;GOGC=200;GOGC=400;GOGC=400 GOMEMLIMIT=256MiB').split(
  ';',
);
const inFlight = 1_000;

interface Lane {
  readonly name: string;
  readonly server: EmbeddedServer;
  readonly log: Log;
  readonly microseconds: number[];
  readonly bytesBefore: number;
  sent: number;
}

prepareRuntime();
const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-collections-'));
const { path: binary } = await findServerBinary({
  named: undefined,
  searchPath: process.env['PATH'] ?? '',
});
const lanes: Lane[] = [];
try {
  for (const name of sets) lanes.push(await start(name));
  for (let turn = 0; turn < events / windowEvents; turn += 1) {
    // Each is first equally often.
    const order = [...lanes];
    order.push(...order.splice(0, turn % lanes.length));
    for (const lane of order) await measure(lane);
    console.error(`${((turn + 1) * windowEvents).toLocaleString('en')} ids in each`);
  }
  for (const lane of lanes) print(lane, lanes[0]!);
} finally {
  for (const { log, server } of lanes) {
    await log.close();
    await server.stop();
  }
  rmSync(folder, { recursive: true, force: true });
}

async function start(name: string): Promise<Lane> {
  const variables = name.split(' ').map((one) => one.split('=', 2) as [string, string]);
  const server = await startEmbeddedServer({
    binary,
    storeDir: path.join(folder, String(lanes.length)),
    onRestart: (reason) => console.error(reason),
    env: Object.fromEntries(variables),
  });
  const log = await openLog({
    address: server.address,
    streamsDir: server.streamsDir,
    durability: 'async',
    topology: { dedupWindowMs: 43_200_000, storageBytesMax: 8 * 2 ** 30, replicas: 1 },
    publishTimeoutMs: 60_000,
    onStatus: () => {},
  });
  const bytesBefore = residentBytesMax(server.processId()!);
  return { name, server, log, microseconds: [], bytesBefore, sent: 0 };
}

async function measure(lane: Lane): Promise<void> {
  const before = ownCpuSeconds(lane.server.processId()!);
  await publishAll(lane);
  const seconds = ownCpuSeconds(lane.server.processId()!) - before;
  lane.microseconds.push((seconds / windowEvents) * 1e6);
}

async function publishAll(lane: Lane): Promise<void> {
  const payload = storedBody.toString('utf8');
  const key = Buffer.from(keyPlaceholder);
  const last = lane.sent + windowEvents;
  const sendOne = (): Promise<void> =>
    new Promise((resolve, reject) => {
      lane.sent += 1;
      writeKey(key, 0, 1, lane.sent);
      const headers = headerBlock({ 'Nats-Msg-Id': `default:${key.toString('latin1')}` });
      const subject = 'headgate.events.0.default.order_completed';
      lane.log.publish('EVENTS', subject, headers, payload, (ack, error) =>
        ack === undefined || ack.duplicate ? reject(error ?? new Error('a duplicate')) : resolve(),
      );
    });
  const sender = async (): Promise<void> => {
    while (lane.sent < last) await sendOne();
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
}

function print({ name, server, microseconds, bytesBefore, sent }: Lane, first: Lane): void {
  const from = Math.floor(microseconds.length / 2);
  const half = microseconds.slice(from);
  const ratios = half.map((one, at) => one / first.microseconds[from + at]!);
  const bytes = residentBytesMax(server.processId()!);
  console.log(
    `${name}: an event ${median(half).toFixed(1)} µs, ${median(ratios).toFixed(2)} of the first; ` +
      `${(bytes / 1e6).toFixed(0)} MB, ${((bytes - bytesBefore) / sent).toFixed(0)} bytes an id`,
  );
}
