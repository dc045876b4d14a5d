import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, unlinkSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { connectGate } from '../../src/cli/gate-client.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { asAdmin } from '../admin-token.ts';
import { killHard, prepareGate, until } from '../crash/gate-process.ts';
import { gateProcessesOf, scrape, total, untilServing } from '../processes/gate-processes.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { call, createTrackClient, looseEvent } from './grpc-client.ts';
import { order } from './sample-events.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';
import { closeSessions } from './wire.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-unix-'));
const socketPath = path.join(folder, 'gate.sock');
const key = 'hg_key-of-a-local-program';
let service: RealService;
/** For clients of TCP: passes their bytes on to the socket. */
let bridge: net.Server;
let port: number;

beforeAll(async () => {
  service = await startRealService({
    env: {
      HEADGATE_LISTEN: `unix:${socketPath}`,
      HEADGATE_AUTH: 'keys',
      // The heartbeat is sent through the socket.
      HEADGATE_CANARY_INTERVAL: '1s',
    },
    yaml: JSON.stringify({
      destinations: {},
      keys: [{ source: 'shop', hash: hashWriteKey(key) }],
    }),
  });
  bridge = net.createServer((caller) => {
    const inner = net.connect(socketPath);
    for (const [from, to] of [
      [caller, inner],
      [inner, caller],
    ] as const) {
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => bridge.listen(0, '127.0.0.1', resolve));
  port = (bridge.address() as net.AddressInfo).port;
});

afterAll(async () => {
  closeSessions(port);
  bridge?.close();
  await service?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const withKey = { authorization: `Bearer ${key}` };

describe('a gate that listens on a Unix socket', () => {
  test.each(wireEndpoints.map((door) => [door.name, door] as const))(
    'takes %s, by its key alone',
    async (_name, door) => {
      const taken = await knock(port, door, { events: [order()], headers: withKey });
      expect(taken).toMatchObject({ results: [{ status: 'accepted' }] });
      const refused = await knock(port, door, { events: [order()] });
      expect(refused).toMatchObject({ code: 'unauthenticated' });
    },
  );

  test('takes gRPC by a unix: target', async () => {
    const client = createTrackClient(`unix:${socketPath}`);
    onTestFinished(() => client.close());
    const { response } = await call(client, 'Track', { event: looseEvent(order()) }, withKey);
    expect(response).toMatchObject({ result: { status: 'ACCEPTED' } });
  });

  test.each(['grpc', 'connect'] as const)('takes headgate track by %s', async (protocol) => {
    using gate = connectGate({ url: `unix:${socketPath}`, key, protocol }, {});
    const properties = { url: 'https://shop.example/' };
    const event = {
      eventName: 'page_viewed',
      userId: 'u',
      idempotencyKey: randomUUID(),
      properties,
    };
    const { result } = await gate.service.track({ event });
    expect(result?.status).toBe(EventResult_Status.ACCEPTED);
  });

  test.each([
    ['/v1/segment/batch', { batch: [{ type: 'track', event: 'Order Completed', userId: 'u' }] }],
    ['/batch/', { api_key: key, batch: [{ event: 'Order Completed', distinct_id: 'u' }] }],
  ])('takes %s of a vendor', async (url, body) => {
    const status = await new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', ...withKey };
      const sent = http.request({ socketPath, path: url, method: 'POST', headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject).end(JSON.stringify(body));
    });
    expect(status).toBe(200);
  });

  test('takes curl --unix-socket', async (context) => {
    if (!hasCurl()) return context.skip('curl is not on this machine');
    const { stdout } = await promisify(execFile)('curl', [
      '-sS',
      '--unix-socket',
      socketPath,
      'http://localhost/v1/track',
      '-H',
      `authorization: Bearer ${key}`,
      '-H',
      'content-type: application/json',
      '-d',
      JSON.stringify(order()),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'accepted' });
  });

  test('gets its own heartbeat', async () => {
    const beats = async (): Promise<number> => {
      const text = await (await fetch(`${service.adminUrl}/metrics`, asAdmin)).text();
      return Number(/^headgate_canary_total\{outcome="accepted"\} (\d+)/m.exec(text)?.[1]);
    };
    await expect.poll(beats, { timeout: 10_000 }).toBeGreaterThan(0);
  });
});

function hasCurl(): boolean {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('several processes share the socket, also after kill -9 of all, and a stop removes it', async () => {
  const shared = path.join(folder, 'shared.sock');
  await using gate = await prepareGate({
    env: { HEADGATE_PROCESSES: '2', HEADGATE_LISTEN: `unix:${shared}` },
    yaml: () => 'destinations: {}',
  });
  const track = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const options = { socketPath: shared, path: '/v1/track', method: 'POST', headers };
      http
        .request({ ...options, agent: false }, (answer) => {
          answer.resume();
          resolve(answer.statusCode!);
        })
        .on('error', reject)
        .end(JSON.stringify(order()));
    });
  const trackAll = () => Promise.all(Array.from({ length: 6 }, track));
  const all = Array.from({ length: 6 }, () => 202);
  const first = await gate.start();
  await untilServing(gate, 2);
  expect(await trackAll()).toEqual(all);
  expect(statSync(shared).mode & 0o777).toBe(0o660);
  for (const each of gateProcessesOf(first.processId)) killHard(each);
  await until(
    async () => total(await scrape(gate), 'headgate_gate_processes'),
    (running) => running < 2,
  );
  await untilServing(gate, 2);
  expect(await trackAll()).toEqual(all);
  first.kill('SIGKILL');
  await first.exit;
  // What is left is replaced.
  expect(statSync(shared).isSocket()).toBe(true);
  const second = await gate.start();
  await untilServing(gate, 2);
  expect(await trackAll()).toEqual(all);
  second.kill('SIGTERM');
  expect(await second.exit).toMatchObject({ code: 0 });
  expect(statSync(shared, { throwIfNoEntry: false })).toBe(undefined);
});

test('several processes that stop leave the socket that another program has by then', async () => {
  const shared = path.join(folder, 'taken.sock');
  await using gate = await prepareGate({
    env: { HEADGATE_PROCESSES: '2', HEADGATE_LISTEN: `unix:${shared}` },
    yaml: () => 'destinations: {}',
  });
  const run = await gate.start();
  await untilServing(gate, 2);
  unlinkSync(shared);
  const other = net.createServer();
  await new Promise<void>((resolve) => other.listen(shared, resolve));
  onTestFinished(() => void other.close());
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
  expect(statSync(shared, { throwIfNoEntry: false })?.isSocket()).toBe(true);
});
