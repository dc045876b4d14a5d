import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { writeConsole } from '../../scripts/build/console-bundle.ts';

const bytesMax = 200 * 1024;

let folder: string;
let packages: readonly string[];
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-console-build-'));
  packages = await writeConsole(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function readAll(): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
  const read = await Promise.all(
    files.map(async (file) => [path.relative(folder, file), await readFile(file)] as const),
  );
  return new Map(read);
}

test('the console takes at most 200 KiB compressed', async () => {
  const sizes = [...(await readAll()).values()].map((file) => gzipSync(file).length);
  expect(sizes.length).toBe(4);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(bytesMax);
});

test('index.html names each file by the hash of its content, and has no inline script or style', async () => {
  const files = await readAll();
  const index = files.get('index.html')!.toString();
  const assets = [...files.keys()].filter((name) => name !== 'index.html');
  for (const name of assets) {
    expect(name).toMatch(/^assets\/[a-z]+-[0-9a-f]{12}\.(js|css|svg)$/);
    expect(index).toContain(`"/${name}"`);
  }
  expect(index).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]* src=)/);
});

test('names the packages that are part of it, for their licences', () => {
  expect(packages).toEqual(
    expect.arrayContaining(['node_modules/preact', 'node_modules/@connectrpc/connect-web']),
  );
});

test('another build deletes the files of the last one', async () => {
  const before = [...(await readAll()).keys()].toSorted();
  await rm(path.join(folder, 'index.html'));
  await writeConsole(folder);
  expect([...(await readAll()).keys()].toSorted()).toEqual(before);
});
