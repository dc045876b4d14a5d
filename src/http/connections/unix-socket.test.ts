import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { StartError } from '../../errors.ts';
import { removeStaleSocket } from './unix-socket.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-socket-'));
  symlinkSync('circle', path.join(folder, 'circle'));
  writeFileSync(path.join(folder, 'file'), 'x');
});
afterAll(() => rmSync(folder, { recursive: true }));

const remove = (name: string): Promise<void> =>
  removeStaleSocket(path.join(folder, name), '--listen');

test.each([
  [
    'circle/relay.sock',
    /cannot be looked at \(ELOOP\): let this user search .*circle, or choose another with/,
  ],
  ['none/relay.sock', /has no folder: create .*none, or choose another with --listen/],
  ['file/relay.sock', /has no folder/],
  ['file', /is another file/],
])('%s stops the start with a reason', async (name, reason) => {
  const error = await remove(name).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(StartError);
  expect((error as Error).message).toMatch(reason);
});

test('a socket that is listened on stays, and a name without a file is free', async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'used'), resolve));
  try {
    await expect(remove('used')).rejects.toThrow(/is in use by another program/);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  await expect(remove('used')).resolves.toBeUndefined();
});
