import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';

import { expect, test } from 'vitest';

import { endOf, followPassed } from './fork-gate.ts';

type ChildProcess = Parameters<typeof followPassed>[0];

test('of the connections passed to a process, those are closed that it has not confirmed', () => {
  const sent: unknown[][] = [];
  const child = Object.assign(new EventEmitter(), {
    send: (...message: unknown[]) => sent.push(message) > 0,
  }) as unknown as ChildProcess;
  const closed: number[] = [];
  const pass = (seq: number): void => {
    const handle = { close: () => void closed.push(seq) };
    child.send({ cmd: 'NODE_CLUSTER', act: 'newconn', seq }, handle as never);
  };
  const closeUnconfirmed = followPassed(child);
  pass(1);
  pass(2);
  child.send({ kind: 'stop' });
  pass(3);
  child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: 2, accepted: true });
  closeUnconfirmed();
  expect(closed).toEqual([1, 3]);
  expect(sent).toHaveLength(4);
  closeUnconfirmed();
  expect(closed).toEqual([1, 3]);
});

test('a process has ended also if its disconnect is never reported', async () => {
  const child = Object.assign(new EventEmitter(), {
    isConnected: () => true,
  }) as unknown as Worker;
  const ended = endOf(child, 1);
  child.emit('exit', null, 'SIGKILL');
  expect(await ended).toBe('SIGKILL');
});

test('a process has ended once its last reports are read', async () => {
  let isConnected = true;
  const child = Object.assign(new EventEmitter(), {
    isConnected: () => isConnected,
  }) as unknown as Worker;
  let how: string | undefined;
  const ended = endOf(child, 60_000).then((end) => (how = end));
  child.emit('exit', 0, null);
  await new Promise(setImmediate);
  expect(how).toBeUndefined();
  isConnected = false;
  child.emit('disconnect');
  expect(await ended).toBe('code 0');
});
