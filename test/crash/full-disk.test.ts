import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { createLogger } from '../../src/observability/logger.ts';
import { startRealService } from '../real-service.ts';
import { fill, mountSmallDisk } from '../small-disk.ts';
import { until } from './gate-process.ts';
import { startLoad } from './steady-load.ts';
import { readMessageIds } from './stored-state.ts';

const diskBytes = 256 * 1024 * 1024;

test('a disk that was full and has room again takes events again by itself', async (context) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-full-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const disk = mountSmallDisk(folder, diskBytes);
  if ('why' in disk) {
    console.log(`skipped: a file system cannot be mounted here (needs root): ${disk.why}`);
    context.skip();
    return;
  }
  onTestFinished(disk.unmount);
  const dataDir = path.join(disk.folder, 'data');
  mkdirSync(dataDir);
  const lines: string[] = [];
  await using real = await startRealService({
    env: { HEADGATE_DATA_DIR: dataDir, HEADGATE_LOG_STORAGE_BYTES_MAX: '128MiB' },
    yaml: 'destinations: {}\n',
    logger: createLogger('info', { write: (line) => void lines.push(line) }),
  });
  const readyz = (): Promise<number> =>
    fetch(`${real.adminUrl}/readyz`).then((answer) => answer.status);
  await using load = startLoad(real.url, { lanes: 2, batchEvents: 20, pauseMs: 20 });
  await load.nextAcknowledgement();
  expect(await readyz()).toBe(200);

  const filler = path.join(disk.folder, 'filler');
  fill(filler);
  await until(readyz, (status) => status === 503, 30_000, 200);
  const answer = await fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      event_name: 'order_completed',
      user_id: 'u-1',
      idempotency_key: crypto.randomUUID(),
      properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
    }),
  });
  expect(answer.status).toBe(503);
  // It stays false while nothing is taken, and nats-server is not started again in vain.
  expect(await readyz()).toBe(503);
  expect(lines.join('')).not.toContain('nats-server is started again');

  rmSync(filler);
  const freedAt = performance.now();
  await load.nextAcknowledgement();
  const resumedMs = performance.now() - freedAt;
  await until(readyz, (status) => status === 200, 10_000, 100);
  await load.finish();
  console.log(`intake resumed ${Math.round(resumedMs)} ms after there was room`);
  expect(resumedMs).toBeLessThan(15_000);
  expect(lines.join('')).toContain('the disk has room again');

  const stored = new Set(await readMessageIds(dataDir, 'EVENTS'));
  const lost = [...load.acknowledged.keys()].filter(
    (key) => ![...stored].some((id) => id.endsWith(key)),
  );
  expect(load.acknowledged.size).toBe(load.sent.size);
  expect(lost).toEqual([]);
}, 120_000);
