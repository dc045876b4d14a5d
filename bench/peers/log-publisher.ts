import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseServerUrl } from '../../src/jetstream/connection.ts';
import { startEmbeddedServer } from '../../src/jetstream/server/embedded-server.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { openLog } from '../../src/jetstream/open-log.ts';
import { headerBlock } from '../../src/jetstream/publish/raw-publish.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { prepareRuntime } from '../../src/service/runtime.ts';
import { keyPlaceholder, storedBody, writeKey } from '../payload.ts';

/**
 * The gate's own publisher without a gate, with a fixed number of messages in flight: with group
 * commit on the embedded server (`group`), or with a server that syncs each message (`always`).
 */
interface Options {
  readonly mode: 'group' | 'always';
  readonly depth: number;
  readonly seconds: number;
  readonly natsPort: number;
}

const options = JSON.parse(process.argv[2]!) as Options;
prepareRuntime();
const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-bench-log-'));
const binary = (await findServerBinary({ named: undefined, searchPath: process.env['PATH'] ?? '' }))
  .path;
const storageBytesMax = 8 * 1024 ** 3;
const common = {
  topology: { dedupWindowMs: 600_000, storageBytesMax, replicas: 1 },
  publishTimeoutMs: 30_000,
  onStatus: () => {},
};

async function openGroup(): Promise<{ log: Log; stop: () => Promise<void> }> {
  const server = await startEmbeddedServer({
    binary,
    storeDir: path.join(folder, 'nats'),
    onRestart: (reason) => console.error(reason),
  });
  const { address, streamsDir } = server;
  const log = await openLog({ ...common, address, streamsDir, durability: 'fsync' });
  return { log, stop: server.stop };
}

async function openAlways(): Promise<{ log: Log; stop: () => Promise<void> }> {
  const configFile = path.join(folder, 'nats.conf');
  writeFileSync(
    configFile,
    `host: "127.0.0.1"\nport: ${options.natsPort}\nmax_payload: 8MB\n` +
      `jetstream { store_dir: "${folder}", max_file_store: ${storageBytesMax}, sync_interval: always }\n`,
  );
  const child = spawn(binary, ['--config', configFile], { stdio: 'ignore' });
  const address = parseServerUrl(`nats://127.0.0.1:${options.natsPort}`);
  let log: Log | undefined;
  for (let attempt = 0; log === undefined; attempt += 1) {
    try {
      log = await openLog({ ...common, address, streamsDir: undefined, durability: 'async' });
    } catch (error) {
      if (attempt > 50) throw error;
      await sleep(100);
    }
  }
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
  };
  return { log, stop };
}

const { log, stop } = await (options.mode === 'group' ? openGroup() : openAlways());
const run = (Math.random() * 0xffff_ffff) >>> 0;
const payload = storedBody.toString('utf8');
let sent = 0;
let events = 0;
let failed = 0;
const began = performance.now();
const until = began + options.seconds * 1000;
await new Promise<void>((resolve) => {
  let open = 0;
  const next = (): void => {
    if (performance.now() > until) {
      if (open === 0) resolve();
      return;
    }
    const id = Buffer.from(keyPlaceholder);
    writeKey(id, 0, run, (sent += 1));
    open += 1;
    const headers = headerBlock({ 'Nats-Msg-Id': `default:${id.toString('latin1')}` });
    log.publish('EVENTS', 'headgate.events.0.default.order_completed', headers, payload, (ack) => {
      open -= 1;
      if (ack === undefined) failed += 1;
      else events += 1;
      next();
    });
  };
  for (let lane = 0; lane < options.depth; lane += 1) next();
});
const seconds = (performance.now() - began) / 1000;
await log.close();
await stop();
rmSync(folder, { recursive: true, force: true });
console.log(JSON.stringify({ events, failed, seconds, perSecond: events / seconds }));
process.exit(0);
