import type { ConnectRouter } from '@connectrpc/connect';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createConnectEndpoints } from '../../src/gate/rpc/connect-router.ts';
import { createRequestHandler } from '../../src/gate/route-request.ts';
import { listen } from '../../src/http/listen.ts';
import { httpEngine } from '../http-engine.ts';
import { comparable, deliberate } from './deliberate-differences.ts';
import { createFakeContext, limits, type FakeContext } from './fake-context.ts';
import { oddities, requests, type GeneratedRequest } from './generated-requests.ts';
import { createCaller, type Caller } from './raw-call.ts';
import { openStockServer } from './stock-server.ts';
import { registerTrackService } from './stock-track-service.ts';
import { tell, type UnderstoodAnswer } from './understood-answer.ts';

interface Endpoint {
  readonly fake: FakeContext;
  readonly caller: Caller;
  close(): Promise<void>;
}

async function openFast(): Promise<Endpoint> {
  const fake = createFakeContext();
  const { context } = fake;
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    engine: httpEngine,
    handle: createRequestHandler(context, createConnectEndpoints(context), new Map(), () =>
      Buffer.from('{}'),
    ),
    setting: 'HEADGATE_LISTEN',
    idleTimeoutMs: limits.idleTimeoutMs,
    requestTimeoutMs: limits.requestTimeoutMs,
    connectionsMax: limits.connectionsMax,
  });
  return { fake, caller: createCaller(listener.address.port), close: () => listener.close(100) };
}

async function openStock(): Promise<Endpoint> {
  const fake = createFakeContext();
  const { context } = fake;
  const routes = (router: ConnectRouter): void => registerTrackService(router, context);
  const server = await openStockServer(routes, context.limits.requestBytesMax);
  return { fake, caller: createCaller(server.port), close: server.close };
}

async function closeEndpoint(door: Endpoint): Promise<void> {
  door.caller.close();
  await door.close();
  door.fake.close();
}

describe('the unary endpoints beside the stock Connect router', () => {
  let fast: Endpoint;
  let stock: Endpoint;

  beforeAll(async () => {
    fast = await openFast();
    stock = await openStock();
  });

  afterAll(async () => {
    await Promise.all([closeEndpoint(fast), closeEndpoint(stock)]);
  });

  const callBoth = ({ raw }: GeneratedRequest) =>
    Promise.all([fast.caller.call(raw), stock.caller.call(raw)]);

  async function compare(request: GeneratedRequest): Promise<string | undefined> {
    let [left, right] = await callBoth(request);
    // A server may close an idle connection just when a request is sent over it; but not twice.
    if ((left === 'gone') !== (right === 'gone')) [left, right] = await callBoth(request);
    if (left === 'gone' || right === 'gone') {
      return left === right ? undefined : describeBoth(request, left, right);
    }
    const told = { fast: tell(request, left), stock: tell(request, right) };
    const why = explain(request, told.fast, told.stock);
    return why === undefined ? undefined : describeBoth(request, told.fast, told.stock, why);
  }

  test('answer thousands of generated requests the same', { timeout: 120_000 }, async () => {
    const all = fc.sample(requests, { numRuns: 4000, seed: 20_260_301 });
    const differences: string[] = [];
    const left = all.values();
    const worker = async (): Promise<void> => {
      for (const request of left) {
        const difference = await compare(request);
        if (difference !== undefined) differences.push(difference);
      }
    };
    await Promise.all(Array.from({ length: 48 }, worker));
    expect(new Set(all.map(({ oddity }) => oddity)).size).toBe(Object.keys(oddities).length + 1);
    expect(`${differences.length} differences\n${differences.slice(0, 6).join('\n')}`).toBe(
      '0 differences\n',
    );
  });

  test('count their answers the same', async () => {
    const plain = fc
      .sample(requests, { numRuns: 400, seed: 7 })
      .filter(({ oddity }) => oddity === 'nothing');
    fast.fake.answered.length = 0;
    stock.fake.answered.length = 0;
    for (const { raw } of plain) {
      await Promise.all([fast.caller.call(raw), stock.caller.call(raw)]);
    }
    expect(fast.fake.answered.length).toBe(plain.length);
    expect(fast.fake.answered.toSorted()).toEqual(stock.fake.answered.toSorted());
  });

  test('has a reason for every remaining difference', () => {
    for (const { what, why } of deliberate)
      expect([what, why].join(' ').length).toBeGreaterThan(60);
    expect(deliberate.length).toBeLessThanOrEqual(11);
  });
});

function explain(
  request: GeneratedRequest,
  fast: UnderstoodAnswer,
  stock: UnderstoodAnswer,
): string | undefined {
  if (deliberate.some(({ holds }) => holds(request, fast, stock))) return undefined;
  try {
    expect(comparable(request, fast)).toEqual(comparable(request, stock));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function describeBoth(request: GeneratedRequest, fast: unknown, stock: unknown, why = ''): string {
  const { raw, ...rest } = request;
  return JSON.stringify(
    { ...rest, raw: { ...raw, body: raw.body.toString('latin1').slice(0, 300) }, fast, stock, why },
    null,
    1,
  );
}
