import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeEach, expect, onTestFinished, test } from 'vitest';

import { startEmbeddedServer } from '../../src/jetstream/server/embedded-server.ts';
import {
  findPackagedServer,
  serverPackage,
} from '../../src/jetstream/server/binary/packaged-server.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-binary-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

/** A program that says its version as nats-server does. */
function program(directory: string, version: string): string {
  const file = path.join(folder, directory, 'nats-server');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(file, 0o755);
  return file;
}

const find = (bundled: string, named?: string) =>
  findServerBinary({
    named,
    searchPath: [path.join(folder, 'none'), path.join(folder, 'path')].join(path.delimiter),
    bundled,
    packaged: null,
  });

test('a newer one on the PATH is used instead of what npm installed, which is said', async () => {
  const bundled = program('bundled', '2.14.0');
  const onPath = program('path', '2.15.1');
  expect(await find(bundled)).toEqual({ path: onPath, version: '2.15.1', insteadOf: '2.14.0' });
});

test.each(['2.14.0', '2.13.9', '3.0.0', '2.10.1', 'of another kind'])(
  'what npm installed is used where the PATH has %s',
  async (version) => {
    const bundled = program('bundled', '2.14.0');
    program('path', version);
    expect(await find(bundled)).toEqual({ path: bundled, version: '2.14.0' });
  },
);

test('a named one is used whatever else there is; without ours, the one on the PATH', async () => {
  const bundled = program('bundled', '2.14.0');
  const named = program('named', '2.12.8');
  const onPath = program('path', '2.15.1');
  expect(await find(bundled, named)).toEqual({ path: named, version: '2.12.8' });
  expect(await find(path.join(folder, 'missing'))).toEqual({ path: onPath, version: '2.15.1' });
});

test('a binary of any file name is started', async () => {
  const { path: real } = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  const binary = path.join(folder, 'nats-server-of-mine');
  symlinkSync(real, binary);
  const server = await startEmbeddedServer({
    binary,
    storeDir: path.join(folder, 'store'),
    onRestart: () => {},
  });
  expect(server.address.servers[0]).toMatch(/^127\.0\.0\.1:\d+$/);
  await server.stop();
});

test('that of the npm package is started if its digest is the pinned one', async () => {
  const none = { named: undefined, searchPath: '', bundled: path.join(folder, 'missing') };
  const other = program('packaged', '2.14.0');
  await expect(findServerBinary({ ...none, packaged: other })).rejects.toThrow(
    /has the SHA-256 \w+, not c67f\w+, so it is not started\. Delete the folder/,
  );
  const script = readFileSync(
    new URL('../../scripts/install/nats-server.js', import.meta.url),
    'utf8',
  );
  for (const text of [serverPackage.name, serverPackage.version, serverPackage.sha256]) {
    expect(script).toContain(`'${text}'`);
  }
});

const withPackage = findPackagedServer() !== undefined;
if (!withPackage) console.warn('skipped: npm has left out ' + serverPackage.name + ' (Node 20)');

test.runIf(withPackage)('the npm package has the pinned one', async () => {
  const none = { named: undefined, searchPath: '', bundled: path.join(folder, 'missing') };
  const packaged = findPackagedServer();
  expect(await findServerBinary(none)).toEqual({ path: packaged, version: serverPackage.version });
});

test('without any, the error has the way to one on this machine', async () => {
  const machine = { platform: 'darwin', arch: 'arm64', isMusl: false };
  const bundled = path.join(folder, 'missing');
  const none = { named: undefined, searchPath: '', bundled, packaged: null, machine };
  await expect(findServerBinary(none)).rejects.toThrow(
    'No nats-server was found. npm has no nats-server for this machine (darwin-arm64): ' +
      'run "brew install nats-server". Or put nats-server 2.11.0 or newer on the PATH, name one ' +
      'in HEADGATE_NATS_SERVER_BIN, or name a running server in HEADGATE_NATS_URL.',
  );
});
