import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import {
  Redelivery_State as State,
  RedeliveryService,
  type Redelivery,
} from '../gen/headgate/v1/redelivery_service_pb.ts';
import { askPostgres } from '../test/destinations/postgres-far-side.ts';
import { startPostgres } from '../test/destinations/postgres-server.ts';
import { pinning, startGate } from './processes.ts';
import { numberAfter } from './script/options.ts';

/*
 * npm run bench:redeliver [-- --events 200000] [--rate 3000] [--fresh 2000]
 *
 * Stored events are redelivered to PostgreSQL and to a webhook at the same time, beside fresh events:
 * 2,000 a second, which come alone for ten seconds first, for comparison. Fails if the p99 from accepted to delivered of the fresh ones reaches a second at
 * either, if an event is not sent again, or if PostgreSQL has a row twice.
 */
const events = numberAfter('--events', 200_000);
const rate = numberAfter('--rate', 3_000);
const freshRate = numberAfter('--fresh', 2_000);
const p99SecondsMax = 1;
const minutesMax = 5;
const batch = 500;
const freshBatchesPerSecond = 50;
const openMax = 50;
const aloneMs = 10_000;
const destinations = ['tables', 'crm'] as const;
const token = 'token-of-the-redelivery-bench-4711';

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-redeliver-'));
const receiver = await startReceiver();
const postgres = await startPostgres();
const config = path.join(folder, 'headgate.yaml');
const { url, password } = postgres;
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
writeFileSync(
  config,
  JSON.stringify({
    destinations: {
      tables: { type: 'postgres', url, password, tls: false },
      crm: {
        type: 'webhook',
        url: `http://127.0.0.1:${receiver.port}/`,
        secret,
        batch_events: 100,
        allow_private_addresses: true,
      },
    },
  }),
);
const gate = await startGate({ HEADGATE_CONFIG: config, HEADGATE_ADMIN_TOKEN: token });
const agent = new http.Agent({ keepAlive: true });
try {
  console.error(`${events} events are stored and delivered (${pinning})`);
  for (let sent = 0; sent < events; sent += batch) await track(Math.min(batch, events - sent));
  await untilDelivered(events);
  const stored = [...receiver.counts.keys()];
  receiver.counts.clear();
  const service = createClient(
    RedeliveryService,
    createConnectTransport({
      baseUrl: `http://127.0.0.1:${gate.adminPort}`,
      httpVersion: '1.1',
      interceptors: [
        (next) => (request) => {
          request.header.set('authorization', `Bearer ${token}`);
          return next(request);
        },
      ],
    }),
  );
  // The selection ends here: fresh events are not among it.
  const nowMs = Date.now();
  const until = { seconds: BigInt(Math.floor(nowMs / 1_000)), nanos: (nowMs % 1_000) * 1_000_000 };
  const alone = await scrape();
  const producers = startProducers();
  await sleep(aloneMs);
  const before = await scrape();
  const startedAt = performance.now();
  for (const destination of destinations) {
    await service.startRedelivery({ selection: { destination, until }, rate });
  }
  const ended = await untilEnded(service, startedAt);
  const seconds = (performance.now() - startedAt) / 1_000;
  const fresh = await producers.stop();
  await untilDelivered(events + fresh);
  const after = await scrape();
  const missing = stored.filter((id) => !receiver.counts.has(id)).length;
  const counted = await judge(ended, { alone, before, after, missing });
  console.log(
    `${events} events to each of 2 destinations in ${seconds.toFixed(1)} s ` +
      `(${Math.round(events / seconds)}/s each, asked for ${rate}/s), ` +
      `beside ${Math.round(fresh / (seconds + aloneMs / 1_000))} fresh ones a second`,
  );
  for (const line of counted.lines) console.log(line);
  process.exitCode = counted.isGood ? 0 : 1;
} finally {
  agent.destroy();
  await gate.stop();
  await postgres.close();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
}

interface Seen {
  /** What /metrics said. */
  readonly alone: string;
  readonly before: string;
  readonly after: string;
  /** Stored events that the receiver did not get again. */
  readonly missing: number;
}

async function judge(ended: readonly Redelivery[], { alone, before, after, missing }: Seen) {
  const lines: string[] = [];
  let isGood = true;
  const check = (isSo: boolean, line: string): void => {
    isGood &&= isSo;
    lines.push(`${isSo ? 'ok  ' : 'LOW '} ${line}`);
  };
  for (const { selection, sent, state } of ended) {
    const isDone = state === State.DONE && Number(sent) === events;
    check(isDone, `${selection?.destination}: ${sent} sent again`);
  }
  for (const destination of destinations) {
    const { p99, count } = latency(destination, before, after);
    const first = latency(destination, alone, before);
    check(
      p99 <= p99SecondsMax,
      `${destination}: p99 of ${count} fresh events at most ${p99} s (limit ${p99SecondsMax}), ` +
        `alone at most ${first.p99} s`,
    );
  }
  const sql = 'SELECT count(*)::int AS rows, count(DISTINCT event_id)::int AS ids FROM events';
  const [table] = await askPostgres<{ rows: number; ids: number }>(postgres, sql);
  check(table!.rows === table!.ids, `tables: ${table!.rows} rows of ${table!.ids} events`);
  check(missing === 0, `crm: ${missing} stored events did not come again`);
  return { lines, isGood };
}

/** The upper bound of the bucket that holds the 99th of 100 fresh events. */
function latency(destination: string, before: string, after: string) {
  const read = (text: string): Map<number, number> => {
    const pattern = new RegExp(
      `^headgate_delivery_latency_seconds_bucket\\{(?=.*destination="${destination}")(?=.*le="([^"]+)").*\\} (\\S+)$`,
      'gm',
    );
    return new Map(
      [...text.matchAll(pattern)].map(([, le, count]) => [
        le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
        Number(count),
      ]),
    );
  };
  const [first, last] = [read(before), read(after)];
  const counts = [...last].map(([le, count]) => [le, count - (first.get(le) ?? 0)] as const);
  const count = counts.at(-1)?.[1] ?? 0;
  const p99 = counts.find(([, below]) => below >= count * 0.99)?.[0] ?? Number.NaN;
  return { p99, count };
}

/** Sends fresh events until it is stopped, and says how many. */
function startProducers() {
  const step = freshRate / freshBatchesPerSecond;
  const open = new Set<Promise<void>>();
  let sent = 0;
  let isOver = false;
  const producing = (async () => {
    for (let at = performance.now(); !isOver; at += 1_000 / freshBatchesPerSecond) {
      await sleep(Math.max(0, at - performance.now()));
      // A slow answer does not slow the producers down, up to a limit.
      if (open.size >= openMax) await Promise.race(open);
      const answer = track(step).finally(() => open.delete(answer));
      open.add(answer);
      sent += step;
    }
    await Promise.all(open);
  })();
  return {
    stop: async () => {
      isOver = true;
      await producing;
      return sent;
    },
  };
}

async function untilEnded(
  service: { listRedeliveries: (request: object) => Promise<{ redeliveries: Redelivery[] }> },
  startedAt: number,
): Promise<readonly Redelivery[]> {
  for (;;) {
    const { redeliveries } = await service.listRedeliveries({});
    const isOpen = redeliveries.some(({ endedAt }) => endedAt === undefined);
    const minutes = (performance.now() - startedAt) / 60_000;
    if (!isOpen || minutes > minutesMax) return redeliveries;
    await sleep(250);
  }
}

async function untilDelivered(count: number): Promise<void> {
  for (let tries = 0; tries < minutesMax * 120; tries += 1) {
    const [table] = await askPostgres<{ rows: number }>(
      postgres,
      'SELECT count(*)::int AS rows FROM events',
    );
    const text = await scrape();
    const isAway = destinations.some((destination) => {
      const pattern = new RegExp(
        `^headgate_destination_pending\\{destination="${destination}"\\} ([1-9].*)$`,
        'm',
      );
      return pattern.test(text);
    });
    if (table!.rows >= count && !isAway) return;
    await sleep(500);
  }
  throw new Error(`${count} events were not delivered in time`);
}

async function scrape(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`);
  return response.text();
}

async function track(count: number): Promise<void> {
  const all = Array.from({ length: count }, () => ({
    event_name: 'order_completed',
    user_id: 'user-7f3a9c21',
    idempotency_key: randomUUID(),
    properties: { order_id: 'A-1001-2026-03-01', total: 129.95, currency: 'EUR' },
  }));
  const body = JSON.stringify({ events: all });
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const options = {
      host: '127.0.0.1',
      port: gate.port,
      path: '/v1/batch',
      method: 'POST',
      agent,
    };
    const request = http.request({ ...options, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('error', reject).end(body);
  });
  if (status >= 300) throw new Error(`/v1/batch answered ${status}`);
}

/** Counts the events that come, by their ids. */
async function startReceiver() {
  const counts = new Map<string, number>();
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      for (const [, id] of Buffer.concat(chunks)
        .toString()
        .matchAll(/"eventId":"([^"]+)"/g)) {
        counts.set(id!, (counts.get(id!) ?? 0) + 1);
      }
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    counts,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
