import { once } from 'node:events';
import net from 'node:net';
import os from 'node:os';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { spawnCli } from './run-cli.ts';

/** Takes calls and never answers, so that a command can be looked at while it runs. */
const silent = net.createServer();
let admin: string;

beforeAll(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  admin = `http://127.0.0.1:${(silent.address() as net.AddressInfo).port}`;
});

afterAll(() => silent.close());

const calledWithinMs = 60_000;

async function priorityOf(...args: string[]): Promise<number> {
  const signal = AbortSignal.timeout(calledWithinMs);
  const called = once(silent, 'connection', { signal }) as Promise<[net.Socket]>;
  const child = spawnCli([...args, '--admin', admin]);
  try {
    const [socket] = await called;
    socket.on('error', () => {});
    return os.getPriority(child.pid);
  } finally {
    child.kill('SIGKILL');
  }
}

test('commands that read many events give way to the gate on their machine', async () => {
  const below = Math.max(os.getPriority(), os.constants.priority.PRIORITY_BELOW_NORMAL);
  expect(await priorityOf('schemas', 'infer', '--dry-run', '--update')).toBe(below);
});

test('commands of who is in a hurry do not', async () => {
  expect(await priorityOf('dead', 'list')).toBe(os.getPriority());
});
