/**
 * What `sync_interval: always` costs on a cluster of three with three replicas, and what more events
 * in flight give back: `npm run bench:cluster -- [nats-server ...]`. Three servers and the publisher
 * share this machine and its disk, so only the ratios mean something.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { openLog } from '../src/jetstream/open-log.ts';
import { headerBlock } from '../src/jetstream/publish/raw-publish.ts';
import { startNatsCluster } from '../test/nats-cluster.ts';
import { storedBody } from './payload.ts';

const depths = [1, 64, 1_024, 8_192];
const secondsEach = 4;
const syncLine = /^\s*sync_interval: always$/m;

interface Measure {
  readonly eventsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** Keeps `depth` events in flight on EVENTS, in turns as requests of many events come. */
async function measure(log: Awaited<ReturnType<typeof openLog>>, depth: number): Promise<Measure> {
  const payload = storedBody.toString('utf8');
  const run = Math.random().toString(36).slice(2);
  const latencies: number[] = [];
  let sent = 0;
  let failed = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + secondsEach * 1_000;
  const publisher = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const sentAt = performance.now();
      sent += 1;
      const headers = headerBlock({ 'Nats-Msg-Id': `bench:${run}-${sent}` });
      const answer = Promise.withResolvers<void>();
      log.publish(
        'EVENTS',
        'headgate.events.0.bench.order_completed',
        headers,
        payload,
        (_, error) => {
          if (error !== undefined) failed += 1;
          else latencies.push(performance.now() - sentAt);
          answer.resolve();
        },
      );
      await answer.promise;
    }
  };
  await Promise.all(Array.from({ length: depth }, publisher));
  const seconds = (performance.now() - startedAt) / 1_000;
  latencies.sort((left, right) => left - right);
  const quantile = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    eventsPerSecond: latencies.length / seconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    failed,
  };
}

async function measureServer(binary: string | undefined, always: boolean): Promise<void> {
  await using cluster = await startNatsCluster({
    binary,
    edit: (conf) => {
      if (!syncLine.test(conf)) throw new Error('nats.conf has no line sync_interval: always');
      return always ? conf : conf.replace(syncLine, '');
    },
  });
  await cluster.waitUntilFormed();
  const log = await openLog({
    address: cluster.address(),
    durability: 'replicated',
    streamsDir: undefined,
    topology: { dedupWindowMs: 120_000, storageBytesMax: 8 * 1024 ** 3, replicas: 3 },
    publishTimeoutMs: 30_000,
    onStatus: () => {},
  });
  try {
    for (const depth of depths) {
      const { eventsPerSecond, p50Ms, p99Ms, failed } = await measure(log, depth);
      const cells = [
        binary ?? 'nats-server',
        always ? 'always' : '2m',
        depth,
        Math.round(eventsPerSecond),
        p50Ms.toFixed(1),
        p99Ms.toFixed(1),
        failed,
      ];
      console.log(`| ${cells.join(' | ')} |`);
      await sleep(1_000);
    }
  } finally {
    await log.close();
  }
}

console.log('| server | sync_interval | in flight | events/s | p50 ms | p99 ms | failed |');
console.log('|---|---|---|---|---|---|---|');
const binaries = process.argv.slice(2);
for (const binary of binaries.length === 0 ? [undefined] : binaries) {
  for (const always of [false, true]) await measureServer(binary, always);
}
