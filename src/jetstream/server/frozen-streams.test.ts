import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { followFrozenStreams } from './frozen-streams.ts';

/** The lines of nats-server 2.14.0 on a full disk. */
const critical = (stream: string): string =>
  `[1] 2026/11/28 10:15:00.085517 [ERR] Filestore [${stream}] Critical write error: write ` +
  `/data/$G/streams/${stream}/msgs/1.blk: no space left on device\n` +
  `[1] 2026/11/28 10:15:00.085621 [ERR] JetStream stream '$G > ${stream}' critical write error: ` +
  'no space left on device\n';

function logFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-frozen-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return path.join(folder, 'nats-server.log');
}

test('names the streams whose writes failed since it began to follow', () => {
  const file = logFile();
  writeFileSync(file, critical('DEAD'));
  const frozen = followFrozenStreams(file);
  expect([...frozen.read()]).toEqual([]);
  appendFileSync(file, critical('EVENTS'));
  appendFileSync(file, "[1] [ERR] JetStream failed to store a msg on stream '$G > RETRY': full\n");
  expect([...frozen.read()]).toEqual(['EVENTS']);
  expect([...frozen.read()]).toEqual(['EVENTS']);
  frozen.forget();
  expect([...frozen.read()]).toEqual([]);
});

test('follows a file that does not exist yet, and one that was rotated', () => {
  const file = logFile();
  const frozen = followFrozenStreams(file);
  expect(frozen.read().size).toBe(0);
  writeFileSync(file, `${'x'.repeat(10_000)}\n${critical('EVENTS')}`);
  expect([...frozen.read()]).toEqual(['EVENTS']);
  writeFileSync(file, critical('RETRY'));
  expect([...frozen.read()].sort()).toEqual(['EVENTS', 'RETRY']);
});
