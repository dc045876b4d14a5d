import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import { createConnectEndpoints } from '../../src/gate/rpc/connect-router.ts';
import { createRequestHandler, isFastPath } from '../../src/gate/route-request.ts';
import { CompleteCall } from '../../src/http/http1/complete-call.ts';
import { listen, type Listener } from '../../src/http/listen.ts';
import { createFakeContext, type FakeContext } from './fake-context.ts';
import {
  http1Oddities,
  http1Writings,
  tornEverywhere,
  type Http1Writing,
} from './http1-requests.ts';
import { writeRaw } from './raw-connection.ts';

interface Endpoint {
  readonly fake: FakeContext;
  readonly listener: Listener;
  /** The number of calls that our own reader read. */
  whole: number;
}

async function openEndpoint(
  engine: Config['http']['engine'],
  certificate?: { readonly cert: string; readonly key: string },
): Promise<Endpoint> {
  const fake = createFakeContext();
  const { context } = fake;
  const handle = createRequestHandler(context, createConnectEndpoints(context), new Map(), () =>
    Buffer.from('{}'),
  );
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: certificate,
    engine,
    handle: (call) => {
      if (call instanceof CompleteCall) door.whole += 1;
      handle(call);
    },
    isFastPath,
    setting: 'HEADGATE_LISTEN',
    idleTimeoutMs: 5_000,
    // Ends requests that never become complete.
    requestTimeoutMs: 700,
    connectionsMax: 1000,
  });
  const door: Endpoint = { fake, listener, whole: 0 };
  return door;
}

async function closeEndpoints(doors: readonly Endpoint[]): Promise<void> {
  for (const { listener, fake } of doors) {
    await listener.close(100);
    fake.close();
  }
}

/** Compares byte by byte, except values that depend on the time. */
async function differences(
  [own, node]: readonly [Endpoint, Endpoint],
  writings: readonly Http1Writing[],
  ca?: Buffer,
): Promise<string> {
  const found: string[] = [];
  const left = writings.values();
  const worker = async (): Promise<void> => {
    for (const { parts, requests, oddities, split } of left) {
      const [ours, theirs] = await Promise.all([
        writeRaw(own.listener.address.port, parts, requests, ca),
        writeRaw(node.listener.address.port, parts, requests, ca),
      ]);
      if (ours.received === theirs.received) continue;
      const sent = parts.map((part) => part.toString('latin1').slice(0, 600));
      found.push(JSON.stringify({ oddities, split, sent, ours, theirs }, null, 1));
    }
  };
  await Promise.all(Array.from({ length: 48 }, worker));
  return `${found.length} differences\n${found.slice(0, 5).join('\n')}`;
}

describe('the reader of HTTP/1.1 beside Node', () => {
  let own: Endpoint;
  let node: Endpoint;

  beforeAll(async () => {
    own = await openEndpoint('own');
    node = await openEndpoint('node');
  });

  afterAll(() => closeEndpoints([own, node]));

  test('answers thousands of connections the same', { timeout: 120_000 }, async () => {
    const writings = fc.sample(http1Writings, { numRuns: 3000, seed: 20_260_301 });
    const met = new Set(writings.flatMap(({ oddities }) => oddities));
    expect(met.size).toBe(Object.keys(http1Oddities).length);
    expect(await differences([own, node], writings)).toBe('0 differences\n');
    expect(own.whole).toBeGreaterThan(300);
    expect(node.whole).toBe(0);
    expect(own.fake.answered.toSorted()).toEqual(node.fake.answered.toSorted());
  });

  test('answers a request that is split at any byte the same', async () => {
    own.whole = 0;
    const writings = tornEverywhere();
    expect(await differences([own, node], writings)).toBe('0 differences\n');
    // The gate waits for the first three bytes to detect the protocol.
    expect(own.whole).toBeLessThan(writings.length / 4);
  });

  test('answers the same over TLS', { timeout: 120_000 }, async ({ skip }) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'headgate-http1-'));
    const certificate = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
    const how =
      '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost';
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', certificate.key, '-out', certificate.cert];
    const made = spawnSync('openssl', ['req', ...how.split(' '), ...names, ...files]);
    skip(made.status !== 0, 'openssl makes no certificate here');
    const doors = [
      await openEndpoint('own', certificate),
      await openEndpoint('node', certificate),
    ] as const;
    const ca = readFileSync(certificate.cert);
    rmSync(folder, { recursive: true });
    const writings = fc.sample(http1Writings, { numRuns: 500, seed: 20_260_302 });
    expect(await differences(doors, writings, ca)).toBe('0 differences\n');
    expect(doors[0].whole).toBeGreaterThan(50);
    await closeEndpoints(doors);
  });
});
