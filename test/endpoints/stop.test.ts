import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';

import { expect, test } from 'vitest';

import { expectFailure } from './expectations.ts';
import { openGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { closeSessions, send } from './wire.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';

test('a stop answers and stores the requests in flight, at every endpoint', async () => {
  await using gate = await openGate();
  // All requests are in flight at the moment of the stop, because the log is paused.
  const thaw = await gate.freezeServer();
  const underWay = wireEndpoints.map((door) => knock(gate.port, door, { events: [order()] }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const stopped = gate.real.stop();
  setTimeout(thaw, 300);
  const answers = await Promise.all(underWay);
  for (const [index, answer] of answers.entries()) {
    expect(answer.results[0]?.status, `${wireEndpoints[index]!.name}: ${answer.raw}`).toBe(
      'accepted',
    );
  }
  await stopped;
  closeSessions(gate.port);
  await expect(send({ port: gate.port, version: '1.1', path: '/v1/track' })).rejects.toThrow(
    /ECONNREFUSED/,
  );

  const env = { HEADGATE_DATA_DIR: gate.real.dataDir };
  await using next = await openGate({ env });
  expect(await next.last('EVENTS')).toBe(wireEndpoints.length);
});

test('a stop waits for a body that is being sent', async () => {
  await using gate = await openGate();
  const body = JSON.stringify(order());
  const upload = (finish: Promise<void>): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const options = {
        host: '127.0.0.1',
        port: gate.port,
        method: 'POST',
        path: '/v1/track',
        headers,
      };
      const request = http.request({ ...options, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      request.on('error', reject);
      request.write(body.slice(0, 10));
      void finish.then(() => request.end(body.slice(10)));
    });
  const { promise: finish, resolve } = Promise.withResolvers<void>();
  const status = upload(finish);
  await new Promise((done) => setTimeout(done, 100));
  const stopped = gate.real.stop();
  await new Promise((done) => setTimeout(done, 200));
  resolve();
  expect(await status).toBe(202);
  await stopped;
});

test('shutting_down: refuses new requests on open connections, at every endpoint', async () => {
  await using gate = await openGate();
  const thaw = await gate.freezeServer();
  // Each connection has a request in flight and outlives the stop; the next request follows.
  const pipelined = async (door: (typeof wireEndpoints)[number]) => {
    const body = door.frame(door.encode([order()]));
    const head =
      `POST ${door.path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${door.contentType}\r\n` +
      `content-length: ${body.length}\r\n\r\n`;
    const socket = net.connect(gate.port, '127.0.0.1');
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    socket.on('error', () => {});
    const whole = Buffer.concat([Buffer.from(head), body]);
    socket.write(whole);
    return { again: () => socket.write(whole), ended: once(socket, 'close').then(() => received) };
  };
  const oldEndpoints = wireEndpoints.filter(({ version }) => version === '1.1');
  const connections = await Promise.all(oldEndpoints.map(pipelined));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const stopped = gate.real.stop();
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const { again } of connections) again();
  await new Promise((resolve) => setTimeout(resolve, 200));
  thaw();
  for (const [index, { ended }] of connections.entries()) {
    const text = (await ended).toString('latin1');
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    // gRPC-Web reports its refusals inside a 200.
    const isGrpcWeb = oldEndpoints[index]!.family === 'grpc-web';
    expect(statuses[0]).toMatch(/^20[02]$/);
    if (statuses.length > 1) {
      expect(statuses).toEqual([statuses[0], isGrpcWeb ? '200' : '503']);
      expect(text).toMatch(isGrpcWeb ? /grpc-status: 14/ : /shutting_down|unavailable/);
      expect(text).toMatch(/retry-after: 1/);
    }
  }
  await stopped;
});

test('shutting_down over HTTP/2: a stream opened before GOAWAY arrived', async () => {
  await using gate = await openGate();
  const session = http2.connect(gate.url);
  session.on('error', () => {});
  await once(session, 'connect');
  const door = wireEndpoints.find(({ name }) => name === 'REST track HTTP/2')!;
  const stopped = gate.real.stop();
  const answer = await knock(gate.port, door, { events: [order()] }).catch((error: Error) => error);
  // GOAWAY arrived first.
  if (answer instanceof Error) expect(answer.message).not.toBe('no answer in time');
  else expectFailure(answer, door, 'shutting_down');
  session.destroy();
  closeSessions(gate.port);
  await stopped;
});

test('a stop does not wait for idle connections, and disconnects silent ones after the grace period', async () => {
  await using gate = await openGate({ env: { HEADGATE_SHUTDOWN_GRACE: '500ms' } });
  const agent = new http.Agent({ keepAlive: true });
  await new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: gate.port,
      agent,
      path: '/v1/track',
      method: 'POST',
    };
    const request = http.request(options, (response) => response.resume().on('end', resolve));
    request.on('error', reject);
    request.end();
  });
  const silent = net.connect(gate.port, '127.0.0.1');
  await once(silent, 'connect');
  const closed = once(silent, 'close');
  const startedAt = performance.now();
  await gate.real.stop();
  expect(performance.now() - startedAt).toBeLessThan(8_000);
  await closed;
  agent.destroy();
});

test('stop may be called twice', async () => {
  await using gate = await openGate();
  await Promise.all([gate.real.stop(), gate.real.stop()]);
  await expect(gate.real.stop()).resolves.toBeUndefined();
});
