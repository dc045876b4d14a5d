import {
  linkSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
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

test('of two starts at one instant on a stale socket, the second leaves the socket of the first', async () => {
  const socketPath = path.join(folder, 'raced');
  const former = net.createServer();
  await new Promise<void>((resolve) => former.listen(`${socketPath}.bound`, resolve));
  linkSync(`${socketPath}.bound`, socketPath);
  await new Promise((resolve) => former.close(resolve));
  const second = remove('raced');
  // It has seen the stale socket by now. A file system may give the number of a removed file to the next.
  unlinkSync(socketPath);
  const first = net.createServer();
  await new Promise<void>((resolve) => first.listen(socketPath, resolve));
  try {
    await expect(second).rejects.toThrow(/raced is in use by another program/);
    await expect(remove('raced')).rejects.toThrow(/is in use by another program/);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  } finally {
    await new Promise((resolve) => first.close(resolve));
  }
});
