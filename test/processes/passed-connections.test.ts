import net from 'node:net';

import { expect, test } from 'vitest';

import { killHard, prepareGate, until } from '../crash/gate-process.ts';
import { gateProcessesOf, untilServing } from './gate-processes.ts';

type Fate = 'waits' | 'answered' | 'closed';

/** Sends a request over a connection of its own. Returns what has come of it so far. */
function ask(port: number): () => Fate {
  let fate: Fate = 'waits';
  const socket = net.connect(port, '127.0.0.1');
  socket.on('data', () => (fate = 'answered'));
  socket.on('error', () => {});
  socket.on('close', () => {
    if (fate === 'waits') fate = 'closed';
  });
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  return () => fate;
}

/** The first process has accepted the connection, and would keep it open as long as it runs. */
test('a connection that was passed to a killed gate process is closed, not left without an answer', async () => {
  await using gate = await prepareGate({ env: { HEADGATE_PROCESSES: '2' } });
  const run = await gate.start();
  await untilServing(gate, 2);
  const [victim] = gateProcessesOf(run.processId);
  // It cannot confirm what it is passed, so it is passed one connection, and the other process the rest.
  process.kill(victim!, 'SIGSTOP');
  const port = Number(new URL(gate.url).port);
  const asked = Array.from({ length: 6 }, () => ask(port));
  const count = (wanted: Fate): number => asked.filter((fate) => fate() === wanted).length;
  await until(
    () => count('answered'),
    (answered) => answered === asked.length - 1,
  );
  expect(count('waits')).toBe(1);
  killHard(victim!);
  await until(
    () => count('closed'),
    (closed) => closed === 1,
  );
  await untilServing(gate, 2);
  const later = Array.from({ length: 4 }, () => ask(port));
  await until(
    () => later.filter((fate) => fate() === 'answered').length,
    (answered) => answered === later.length,
  );
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
});
