import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { jetstream } from '@nats-io/jetstream';
import { beforeAll, describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Durability } from '../../src/config/config.ts';
import {
  startEmbeddedServer,
  type EmbeddedServer,
} from '../../src/jetstream/server/embedded-server.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { openLog } from '../../src/jetstream/open-log.ts';
import { headerBlock } from '../../src/jetstream/publish/raw-publish.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { copyImage, createDisk, mountImage, whyNoLoopMounts, type LoopDisk } from './loop-disk.ts';

/*
 * Simulates a power cut. The store is on a separate file system in a file; the test stops
 * nats-server under full load and copies the file at that moment. Data that was not synced is only
 * in the kernel's memory, so the copy lacks it. This models the loss of the page cache, not a disk
 * that lies about a flush.
 */

const mebibyte = 1024 * 1024;
const diskBytes = 2048 * mebibyte;
const storageBytesMax = 1536 * mebibyte;
const inFlightMax = 1024;
/** Large enough for several blocks of 8 MiB in a run, even on a slow machine. */
const payload = JSON.stringify({ filler: 'x'.repeat(600) });
const subject = subjects.event('checkout', 'order_completed');

async function startServer(folder: string): Promise<EmbeddedServer> {
  const binary = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  return startEmbeddedServer({
    binary: binary.path,
    storeDir: path.join(folder, 'nats'),
    onRestart: () => {},
  });
}

function open(server: EmbeddedServer, durability: Durability): Promise<Log> {
  return openLog({
    address: server.address,
    durability,
    streamsDir: server.streamsDir,
    topology: { dedupWindowMs: 120_000, storageBytesMax, replicas: 1 },
    publishTimeoutMs: 10_000,
    onStatus: () => {},
  });
}

/** Publishes without a pause; `acked[n]` is the sequence that message n was acknowledged with. */
function startLoad(log: Log): { readonly acked: number[]; readonly stop: () => void } {
  const acked: number[] = [];
  let next = 0;
  let stopped = false;
  const publishOne = (): void => {
    const number = next;
    next += 1;
    const headers = headerBlock({ 'Nats-Msg-Id': `m${number}` });
    log.publish('EVENTS', subject, headers, payload, (ack) => {
      if (stopped) return;
      if (ack !== undefined) acked[number] = ack.sequence;
      publishOne();
    });
  };
  for (let index = 0; index < inFlightMax; index += 1) publishOne();
  return { acked, stop: () => (stopped = true) };
}

/** All message ids of the stream. The index of an id is its sequence. */
async function readIds(log: Log): Promise<string[]> {
  const ids: string[] = [];
  const { state } = await clientsForTests(log).manager.streams.info('EVENTS_0');
  if (state.messages === 0) return ids;
  const consumer = await jetstream(clientsForTests(log).connection).consumers.get('EVENTS_0', {
    headers_only: true,
  });
  await new Promise<void>((resolve) => {
    void consumer.consume({
      max_messages: 10_000,
      callback: (message) => {
        ids[message.seq] = message.headers?.get('Nats-Msg-Id') ?? '';
        if (message.info.pending === 0) resolve();
      },
    });
  });
  return ids;
}

interface Run {
  readonly acked: number;
  readonly lost: number;
  readonly blocks: number;
  readonly perSecond: number;
}

async function cutPower(folder: string, durability: Durability, loadMs: number): Promise<Run> {
  const disks: LoopDisk[] = [];
  const servers: EmbeddedServer[] = [];
  try {
    const disk = await createDisk(path.join(folder, 'before.img'), diskBytes);
    disks.push(disk);
    const server = await startServer(disk.folder);
    servers.push(server);
    const log = await open(server, durability);
    const startedAt = performance.now();
    const load = startLoad(log);
    await sleep(loadMs);
    // Until the copy ends, nothing else of this process runs: no callback, no new sync.
    process.kill(server.processId()!, 'SIGSTOP');
    const seconds = (performance.now() - startedAt) / 1000;
    load.stop();
    const blocks = readdirSync(path.join(server.streamsDir, 'EVENTS_0', 'msgs')).filter((name) =>
      name.endsWith('.blk'),
    ).length;
    const copy = path.join(folder, 'after.img');
    copyImage(disk, copy);
    const stopped = server.stop();
    process.kill(server.processId()!, 'SIGKILL');
    await stopped;
    await log.close();
    await disk.unmount();

    const recovered = mountImage(copy);
    disks.push(recovered);
    const again = await startServer(recovered.folder);
    servers.push(again);
    const reopened = await open(again, 'async');
    const ids = await readIds(reopened);
    await reopened.close();
    let acked = 0;
    let lost = 0;
    load.acked.forEach((sequence, number) => {
      acked += 1;
      if (ids[sequence] !== `m${number}`) lost += 1;
    });
    return { acked, lost, blocks, perSecond: Math.round(acked / seconds) };
  } finally {
    for (const server of servers) {
      const stopped = server.stop();
      const processId = server.processId();
      try {
        if (processId !== undefined) process.kill(processId, 'SIGKILL');
      } catch {
        // It has ended already.
      }
      await stopped;
    }
    for (const disk of disks) {
      await disk.unmount();
      rmSync(disk.image, { force: true });
    }
  }
}

describe('a power cut under full load', () => {
  let skipReason: string | undefined;

  beforeAll(async () => {
    skipReason = await whyNoLoopMounts();
    if (skipReason !== undefined) console.warn(`skipped: no loop mounts here (${skipReason})`);
  });

  async function runs(durability: Durability, count: number, loadMs: number): Promise<Run[]> {
    const results: Run[] = [];
    for (let run = 0; run < count; run += 1) {
      const folder = mkdtempSync(path.join(tmpdir(), 'headgate-power-'));
      try {
        results.push(await cutPower(folder, durability, loadMs));
      } finally {
        rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
      }
      const { acked, lost, blocks, perSecond } = results.at(-1)!;
      console.info(`${durability}: ${lost} of ${acked} lost, ${perSecond}/s, ${blocks} blocks`);
    }
    return results;
  }

  test('loses no acknowledged event in the mode fsync, five times in a row', async (context) => {
    if (skipReason !== undefined) return context.skip(skipReason);
    const results = await runs('fsync', 5, 4000);
    expect(results.map((run) => run.lost)).toEqual([0, 0, 0, 0, 0]);
    for (const run of results) {
      expect(run.acked).toBeGreaterThan(1000);
      expect(run.blocks).toBeGreaterThan(1);
    }
  });

  test('loses events in the mode async, so that the test above can fail', async (context) => {
    if (skipReason !== undefined) return context.skip(skipReason);
    const [run] = await runs('async', 1, 2000);
    expect(run!.acked).toBeGreaterThan(1000);
    expect(run!.lost).toBeGreaterThan(0);
  });
});
