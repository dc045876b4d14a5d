import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { connect } from '@nats-io/transport-node';
import { expect, onTestFinished, test } from 'vitest';

import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { earlierStream, streamNames } from '../../src/jetstream/topology.ts';
import { freePort, prepareGate, until } from '../crash/gate-process.ts';
import { startLoad } from '../crash/steady-load.ts';
import { readWarehouse } from '../crash/stored-state.ts';
import { natsStream } from '../nats-stream.ts';
import {
  expectMatching,
  expectSideEntries,
  leaveSideEntries,
  startOutsideWorld,
  waitUntilSettled,
} from './backed-up-gate.ts';
import { restoreStream, snapshotStream, type StreamBackup } from './stream-snapshot.ts';

const script = path.join(import.meta.dirname, '../../deploy/backup/nats-streams.sh');
const streams = /^streams="([^"]+)"/m
  .exec(readFileSync(script, 'utf8'))![1]!
  .replace('PARTITIONS', natsStream('EVENTS'))
  .split(/\s+/);

/** Of a temporary folder that is gone after the test. */
function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** A nats-server of one's own, on a port that stays the same. */
async function startServer(port: number, store: string): Promise<ChildProcess> {
  const config = `${store}.conf`;
  writeFileSync(
    config,
    `listen: 127.0.0.1:${port}\nmax_payload: 8MB\n` +
      `jetstream { store_dir: "${store}", max_file_store: 4GB }\n`,
  );
  const { path: binary } = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  const server = spawn(binary, ['-c', config], { stdio: 'ignore' });
  onTestFinished(() => void server.kill('SIGKILL'));
  await until(
    () => connect({ servers: `127.0.0.1:${port}` }).then((one) => one.close(), String),
    (refused) => refused === undefined,
  );
  return server;
}

interface Backups {
  backup(): Promise<void>;
  restore(): Promise<void>;
}

/** By the script and the nats CLI where it is installed; else in the same order by the same API. */
function backupsOf(url: string, folder: string): Backups {
  const env = { ...process.env, NATS_URL: url, NATS_CONTEXT: '' };
  try {
    execFileSync('nats', ['--version'], { stdio: 'ignore' });
    console.log('with the nats CLI');
    const run = async (verb: string): Promise<void> =>
      void execFileSync('sh', [script, verb, folder], { env, stdio: 'pipe' });
    return { backup: () => run('backup'), restore: () => run('restore') };
  } catch {
    console.log('no nats CLI here: its two requests of the JetStream API are made by the test');
  }
  let kept: StreamBackup[] = [];
  const connected = async (work: (name: Awaited<ReturnType<typeof connect>>) => Promise<void>) => {
    const connection = await connect({ servers: url });
    await work(connection).finally(() => connection.close());
  };
  return {
    backup: () =>
      connected(async (connection) => {
        kept = [];
        for (const name of streams) {
          const one = await snapshotStream(connection, name);
          if (one !== undefined) kept.push(one);
        }
      }),
    restore: () =>
      connected(async (connection) => {
        for (const one of kept) await restoreStream(connection, one);
      }),
  };
}

test('the script has every stream that holds something, the ledger before the events', () => {
  const wanted = streamNames
    .filter((name) => name !== 'PROBE' && name !== 'CLAIMS')
    .map(natsStream);
  expect(streams.toSorted()).toEqual([...wanted, earlierStream].toSorted());
  const places = ['REJECTED', 'LEDGER', 'EVENTS_0', 'RETRY', 'DEAD', 'REPLAY'].map((name) =>
    streams.indexOf(name),
  );
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});

test('the script asks the nats CLI for these streams, and restores no backup that was cut', () => {
  const folder = newFolder();
  const calls = path.join(folder, 'calls');
  const nats = path.join(folder, 'nats');
  const listed = ['EVENTS_0', 'EVENTS_17', 'LEDGER', 'OF_EVENTS_1'].join('\\n');
  writeFileSync(
    nats,
    `#!/bin/sh\necho "$*" >> ${calls}\n[ "$2" = ls ] && printf '${listed}\\n'\n` +
      `[ "$2" = backup ] && mkdir "$4"\n[ "$3" != "$BROKEN" ]\n`,
  );
  chmodSync(nats, 0o755);
  const run = (verb: string, to: string, broken = ''): string => {
    writeFileSync(calls, '');
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, BROKEN: broken };
    execFileSync('sh', [script, verb, path.join(folder, to)], { env, stdio: 'pipe' });
    return readFileSync(calls, 'utf8').replaceAll(`${folder}/`, '');
  };
  expect(run('backup', 'whole')).toBe(
    'stream ls --all --names\n' +
      'stream backup LEDGER whole/LEDGER --no-progress\n' +
      'stream backup EVENTS_0 whole/EVENTS_0 --no-progress\n' +
      'stream backup EVENTS_17 whole/EVENTS_17 --no-progress\n',
  );
  expect(run('restore', 'whole')).toBe(
    'stream restore whole/EVENTS_0 --no-progress\nstream restore whole/EVENTS_17 --no-progress\n' +
      'stream restore whole/LEDGER --no-progress\n',
  );
  expect(() => run('backup', 'cut', 'EVENTS_0')).toThrow(/Command failed/);
  expect(() => run('restore', 'cut')).toThrow(/is not a complete backup/);
});

test('a backup of a NATS of your own under load restores what was acknowledged', async () => {
  const folder = newFolder();
  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  let server = await startServer(port, path.join(folder, 'first'));
  const outside = await startOutsideWorld();
  await using gate = await prepareGate({
    yaml: outside.yaml,
    env: { HEADGATE_NATS_URL: url, HEADGATE_DURABILITY: 'async' },
  });
  let run = await gate.start();
  const backups = backupsOf(url, path.join(folder, 'backup'));

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
  await backups.backup();
  await load.nextAcknowledgement();
  await load.finish();
  await waitUntilSettled(gate);

  // All servers are lost. The warehouse, beside the log, is not: it stays as it is.
  run.kill('SIGTERM');
  await run.exit;
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
  server = await startServer(port, path.join(folder, 'second'));
  await backups.restore();

  // nats-server copies the events first and its count of them last: what came between is counted,
  // and was in no copy. Headgate says so.
  const uncopied = await goneFromLog(url);

  run = await gate.start();
  await waitUntilSettled(gate);
  await expectSideEntries(gate);
  const accepted = await idsInLog(url);
  expect([...before.keys()].filter((key) => !accepted.has(key))).toEqual([]);
  const warehouse = readWarehouse(gate.dataDir);
  expect(warehouse.rowCount).toBe(warehouse.rows.size);
  const twice = [...outside.arrivals].filter(([, count]) => count > 1).map(([id]) => id);
  console.log(
    `${accepted.size} events restored, ${uncopied} came while they were copied; ` +
      `${twice.length} came to the webhook again`,
  );
  const earlyIds = new Set(early.acknowledged.values());
  expect(twice.filter((id) => earlyIds.has(id))).toEqual([]);

  await using later = startLoad(gate.url, { lanes: 1, batchEvents: 50, pauseMs: 10 });
  await until(
    () => later.acknowledged.size,
    (size) => size > 500,
  );
  await later.finish();
  await waitUntilSettled(gate);
  await expectMatching(gate, uncopied);
  const ids = [...later.acknowledged.values()];
  expect(ids.filter((id) => !outside.arrivals.has(id))).toEqual([]);
});

/** How many events the log has counted and does not hold. */
async function goneFromLog(url: string): Promise<number> {
  const { jetstreamManager } = await import('@nats-io/jetstream');
  const connection = await connect({ servers: url });
  try {
    const { state } = await (await jetstreamManager(connection)).streams.info('EVENTS_0');
    return state.num_deleted ?? 0;
  } finally {
    await connection.close();
  }
}

/** The idempotency keys of the events in the log. */
async function idsInLog(url: string): Promise<Set<string>> {
  const { jetstream } = await import('@nats-io/jetstream');
  const connection = await connect({ servers: url });
  try {
    const consumer = await jetstream(connection).consumers.get('EVENTS_0', { headers_only: true });
    const { num_pending: count } = await consumer.info();
    const keys = new Set<string>();
    if (count === 0) return keys;
    for await (const message of await consumer.consume({ max_messages: 5_000 })) {
      keys.add(message.headers!.get('Nats-Msg-Id').split(':')[1]!);
      if (message.info.pending === 0) break;
    }
    return keys;
  } finally {
    await connection.close();
  }
}
