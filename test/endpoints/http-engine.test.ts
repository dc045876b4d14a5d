import { once } from 'node:events';
import http2 from 'node:http2';

import { describe, expect, onTestFinished, test } from 'vitest';

import { prepareGate } from '../crash/gate-process.ts';
import { untilServing } from '../processes/gate-processes.ts';
import { openGate } from './open-gate.ts';

/**
 * Detects which engine serves a port: above 32 KiB of headers, our own engine answers 431, and
 * Node's resets the stream (src/http/engine-differences.test.ts).
 */
async function engineOf(url: string): Promise<'own' | 'node'> {
  const session = http2.connect(url);
  onTestFinished(() => session.destroy());
  session.on('error', () => {});
  // Node's limit applies after its SETTINGS are acknowledged.
  await once(session, 'remoteSettings');
  await new Promise((resolve) => session.ping(resolve));
  const stream = session.request({ ':path': '/healthz', 'x-long': 'a'.repeat(33 * 1024) });
  const status = await new Promise<number | string>((resolve) => {
    stream.once('response', (headers) => resolve(headers[':status']!));
    stream.once('error', (error) => resolve((error as Error).message));
  });
  if (status === 431) return 'own';
  expect(status).toMatch(/NGHTTP2_ENHANCE_YOUR_CALM/);
  return 'node';
}

describe.each(['own', 'node'] as const)('http.engine: %s', (engine) => {
  test('serves the public port and the admin port', async () => {
    await using gate = await openGate({ env: { HEADGATE_HTTP_ENGINE: engine } });
    expect(await engineOf(gate.real.url)).toBe(engine);
    expect(await engineOf(gate.real.adminUrl)).toBe(engine);
  });

  test('serves the public port of several processes', async () => {
    await using gate = await prepareGate({
      env: { HEADGATE_PROCESSES: '2', HEADGATE_HTTP_ENGINE: engine },
      yaml: () => 'destinations: {}\n',
    });
    await gate.start();
    await untilServing(gate, 2);
    // Connections go to the processes in turn.
    const engines = [await engineOf(gate.url), await engineOf(gate.url)];
    expect([...engines, await engineOf(`http://${gate.adminListen}`)]).toEqual([
      engine,
      engine,
      engine,
    ]);
  });
});

test('the default engine is our own', async () => {
  await using gate = await prepareGate({
    env: { HEADGATE_HTTP_ENGINE: '' },
    yaml: () => 'destinations: {}\n',
  });
  await gate.start();
  expect(await engineOf(gate.url)).toBe('own');
});
