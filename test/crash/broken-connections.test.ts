import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect, onTestFinished, test } from 'vitest';

import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { reconcile } from '../../src/reconciliation/reconcile.ts';
import { adminToken, withAdminToken } from '../admin-token.ts';
import { startRealLog } from '../real-log.ts';
import { startRealService } from '../real-service.ts';
import { startBreakingProxy, type BreakingProxy } from './breaking-proxy.ts';
import { until } from './gate-process.ts';
import { seededChance } from './kill-plan.ts';
import { startLoad } from './steady-load.ts';
import { readWarehouse } from './stored-state.ts';

/** Calls every operators' RPC again and again; failures are expected. */
function askOperators(adminUrl: string, signal: AbortSignal): Promise<unknown> {
  const transport = createConnectTransport({
    baseUrl: adminUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  const options = { signal, timeoutMs: 10_000 };
  const calls: readonly (() => Promise<unknown>)[] = [
    () => createClient(DeadLetterService, transport).listDeadLetters({}, options),
    () => createClient(DestinationService, transport).listDestinations({}, options),
    () =>
      createClient(EventLogService, transport).readEvents(
        { eventName: 'order_completed' },
        options,
      ),
    () => createClient(EventService, transport).locate({ id: 'e-1' }, options),
    () => createClient(RejectedService, transport).listRejected({}, options),
    () => fetch(`${adminUrl}/readyz`, { signal }).then((answer) => answer.text()),
    async () => {
      for await (const _ of createClient(TailService, transport).tail({}, options)) await sleep(1);
    },
  ];
  return repeat(calls, signal);
}

/** Runs each again and again until the signal, whatever it does. */
function repeat(calls: readonly (() => Promise<unknown>)[], signal: AbortSignal): Promise<unknown> {
  const loop = async (call: () => Promise<unknown>): Promise<void> => {
    while (!signal.aborted) {
      await call().catch(() => {});
      await sleep(50);
    }
  };
  return Promise.all(calls.map(loop));
}

/** What the program does once a minute or on demand, many times a second here. */
function workOnLog(log: Log, signal: AbortSignal): Promise<unknown> {
  const janitor = createJanitor({
    log,
    // Nothing is deleted but what RETRY needs no longer.
    retentionMs: 3_600_000,
    destinations: ['warehouse'],
    onTrouble: () => {},
  });
  return repeat(
    [janitor.run, () => reconcile({ log, destinations: [], sinceMs: 0, secondLookMs: 1 })],
    signal,
  );
}

async function breakOnce(
  kind: 'reset' | 'kill' | 'stall',
  proxy: BreakingProxy,
  killServer: () => void,
): Promise<void> {
  if (kind === 'reset') proxy.reset();
  else if (kind === 'kill') killServer();
  else {
    proxy.stall();
    // Longer than requests wait: 5 s.
    await sleep(5_500);
    proxy.resume();
  }
}

test('no broken connection ends the process, and nothing acknowledged is lost', async () => {
  const chance = seededChance();
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-broken-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await using real = await startRealLog();
  const { servers, user, password } = real.server.address;
  await using proxy = await startBreakingProxy(Number(servers[0]!.split(':').at(-1)));
  await using service = await startRealService({
    env: {
      HEADGATE_NATS_URL: `nats://${user}:${password}@127.0.0.1:${proxy.port}`,
      HEADGATE_DURABILITY: 'async',
      HEADGATE_ENFORCEMENT: 'warn',
      HEADGATE_SCHEMAS_SOURCE: 'registry',
      HEADGATE_CANARY_INTERVAL: '1s',
    },
    yaml: `destinations:\n  warehouse: { type: sqlite, path: "${folder}/warehouse.db", ack_wait: 2s }\n`,
  });
  const ending = new AbortController();
  await using load = startLoad(service.url, { lanes: 2, batchEvents: 20, pauseMs: 20 });
  const work = Promise.all([
    askOperators(service.adminUrl, ending.signal),
    workOnLog(service.service.log, ending.signal),
  ]);
  const kinds = ['reset', 'reset', 'kill', 'reset', 'kill', 'reset', 'reset', 'kill'] as const;
  for (const kind of [...chance.shuffle(kinds), 'stall'] as const) {
    await sleep(chance.between(50, 1_000));
    await breakOnce(kind, proxy, real.killServer);
    await load.nextAcknowledgement();
  }
  await load.finish();
  ending.abort();
  await work;
  const ids = new Set(load.acknowledged.values());
  await until(
    () => readWarehouse(folder).rowCount,
    (rows) => rows >= ids.size,
    30_000,
  );
  const answer = await fetch(`${service.adminUrl}/metrics`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  const metrics = await answer.text();
  process.off('unhandledRejection', onUnhandled);
  console.log(`seed ${chance.seed}: ${ids.size} events, ${JSON.stringify(load.counts())}`);
  expect(unhandled).toEqual([]);
  expect(metrics).toMatch(/^headgate_unhandled_rejections_total 0$/m);
  const warehouse = readWarehouse(folder);
  expect(new Set(warehouse.rows.keys())).toEqual(ids);
  expect(warehouse.rowCount).toBe(ids.size);
}, 120_000);
