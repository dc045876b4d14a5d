import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { prepareGate } from '../crash/gate-process.ts';
import { order } from '../endpoints/sample-events.ts';

/* Everything that a service creates holds events, keys or tokens: no other user may read it. */

const yaml = (dataDir: string): string => `
processes: 2
destinations:
  rows: { type: sqlite, path: "${dataDir}/warehouse/rows.db" }
  files: { type: parquet, path: "${dataDir}/files", flush_interval: 1s }
  shared: { type: parquet, path: "${dataDir}/shared", flush_interval: 1s }
`;

/** Every file and folder below `folder`, with its mode. */
function walk(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat !== undefined) found.set(path.relative(folder, file), modeText(stat.mode));
  }
  return found;
}

const modeText = (mode: number): string => (mode & 0o777).toString(8);
const isParquet = (name: string): boolean => name.endsWith('.parquet');

test('what a service creates is private to its user, and shared Parquet is as its folder', async () => {
  await using gate = await prepareGate({
    yaml,
    env: { HEADGATE_ADMIN_TOKEN: '', HEADGATE_PROCESSES: '2' },
  });
  const { dataDir } = gate;
  const shared = path.join(dataDir, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o755);
  await gate.start();
  for (let sent = 0; sent < 20; sent += 1) {
    const answer = await fetch(`${gate.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order()),
    });
    expect(answer.status).toBe(202);
  }
  const isThere = (name: string): boolean => existsSync(path.join(dataDir, name));
  const hasFile = (folder: string): boolean =>
    [...walk(path.join(dataDir, folder)).keys()].some(isParquet);
  await expect
    .poll(() => isThere('warehouse/rows.db-wal') && hasFile('files') && hasFile('shared'), {
      timeout: 30_000,
    })
    .toBe(true);
  const found = walk(dataDir);
  // The test wrote these itself.
  for (const name of ['headgate.yaml', 'shared']) found.delete(name);
  const others = [...found].filter(([name, mode]) => {
    if (name.startsWith(`shared${path.sep}`) && !name.includes('.spool')) return false;
    return !/^[67]00$/.test(mode);
  });
  expect(others).toEqual([]);
  const seen = [...found.keys()].join('\n');
  for (const part of [/admin-token/, /nats\/jetstream\/.*\.blk/, /rows\.db-shm/, /spool\.db/]) {
    expect(seen).toMatch(part);
  }
  const sharedFiles = [...found].filter(([name]) => name.startsWith('shared/') && isParquet(name));
  expect(new Set(sharedFiles.map(([, mode]) => mode))).toEqual(new Set(['644']));
  const folders = [...new Set(sharedFiles.map(([name]) => path.dirname(name)))];
  expect(new Set(folders.map((name) => found.get(name)))).toEqual(new Set(['755']));
  expect(gate.output()).toMatch(/"command":"chmod -R go= .*users of the same group can read/);
});
