import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventIdOf } from '../../src/event/event-id.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { prepareGate, until, type GateProcess } from '../crash/gate-process.ts';
import { asAdmin } from '../admin-token.ts';
import { natsStream } from '../nats-stream.ts';
import { relayKey, type FarGate } from './far.ts';

export interface KilledRelayOptions {
  readonly events: number;
  /** While the network is cut for the first time, and after that. At least 2. */
  readonly kills: number;
}

/** What became of each event, by its idempotency key. */
export interface KilledRelayRun {
  readonly accepted: ReadonlySet<string>;
  readonly rejected: ReadonlyMap<string, string>;
  /** Verdicts `retry` and requests without an answer: they were sent again. */
  readonly refusals: { full: number; unanswered: number };
  /** Dead letters of the relay. */
  readonly dead: number;
  readonly story: string;
}

export const source = 'shop-fra';
const batch = 25;
/** One of so many breaks its contract. */
const badEvery = 50;
/** The room of the relay's log: less than the events take, so that it fills while the network is cut. */
const storageBytesMax = 80 * 1024 * 1024;
/** Those that fill it: while the network is cut, they are the next ones. */
const large = { from: 300, to: 1_140, context: { note: 'x'.repeat(60_000) } };

/** The real program `headgate relay`, on free ports, which forwards to `port`. */
export function prepareRelay(port: number): Promise<GateProcess> {
  return prepareGate({
    program: ['src/cli/main.ts', 'relay'],
    env: {
      HEADGATE_SOURCE: source,
      HEADGATE_LOG_LEVEL: 'warn',
      HEADGATE_LOG_STORAGE_BYTES_MAX: String(storageBytesMax),
      // What was forwarded makes room at once. The far gate recognizes what comes twice.
      HEADGATE_LOG_DEDUP_WINDOW: '1s',
      HEADGATE_LOG_RETENTION_MIN: '1s',
      RELAY_KEY: relayKey,
    },
    yaml: () =>
      JSON.stringify({
        destinations: {
          gate: {
            type: 'headgate',
            url: `http://127.0.0.1:${port}`,
            key: '${RELAY_KEY}',
            when_full: 'hold',
            ack_wait: '2s',
            timeout: '1s',
          },
        },
      }),
  });
}

/**
 * Sends events through a relay that is killed with SIGKILL again and again. Meanwhile the far gate is away
 * for a while, long enough for the relay's disk to fill, and then its network falls silent once. A
 * producer sends each event until it has a verdict that is final. Resolves when the relay has forwarded all.
 */
export async function sendWhileKilled(
  far: FarGate,
  { events, kills }: KilledRelayOptions,
): Promise<KilledRelayRun> {
  await using relay = await prepareRelay(far.network.port);
  const startedAt = performance.now();
  const phases: string[] = [];
  const phase = (name: string): void =>
    void phases.push(`${name} after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  let run = await relay.start();
  phase('ready');
  const producer = startProducer(relay.url, events);
  const { refusals } = producer;
  const restart = async (): Promise<void> => {
    run.kill('SIGKILL');
    await run.exit;
    run = relay.spawn();
    // Not until it is ready: while its log is full, it is not.
    await until(() => answers(relay), Boolean, 60_000);
  };
  // Contracts are known, and some events are through. Then the far gate is away.
  await until(producer.done, (done) => done >= large.from, 60_000);
  await far.network.close();
  await restart();
  await until(
    () => refusals.full,
    (full) => full > 0,
    60_000,
  );
  phase('full');
  await far.network.listen();
  // So that the kills of a long run are spread over it.
  const step = 1 + Math.max(0, Math.floor((events - 3_000) / kills));
  for (let kill = 1; kill < kills; kill += 1) {
    const wanted = Math.min(events, producer.done() + step);
    await until(producer.done, (done) => done >= wanted, 300_000);
    if (kill === 1) far.network.freeze();
    await restart();
    far.network.thaw();
  }
  phase('killed');
  const { accepted, rejected } = await producer.finished;
  phase('sent');
  await until(
    () => waiting(relay),
    (count) => count === 0,
    60_000,
    100,
  );
  phase('forwarded');
  const dead = await deadLetters(relay);
  run.kill('SIGTERM');
  await run.exit;
  const story =
    `${accepted.size} accepted, ${rejected.size} rejected, ${kills} kills, ` +
    `${refusals.full} refused by a full disk, ${refusals.unanswered} requests unanswered; ` +
    phases.join(', ');
  return { accepted, rejected, refusals, dead, story };
}

/** Whether the public port answers. */
async function answers(relay: GateProcess): Promise<boolean> {
  const response = await fetch(`${relay.url}/openapi.json`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
}

interface Result {
  readonly status: string;
  readonly error?: { readonly code: string; readonly message: string };
}

function startProducer(url: string, events: number) {
  const accepted = new Set<string>();
  const rejected = new Map<string, string>();
  const refusals = { full: 0, unanswered: 0 };
  const done = (): number => accepted.size + rejected.size;
  let waitingFor = Array.from({ length: events }, (_, index) => ({
    event_name: 'order_completed',
    user_id: `u-${index % 100}`,
    idempotency_key: randomUUID(),
    properties:
      index % badEvery === 0
        ? { order_id: 'A', total: -1, currency: 'EUR' }
        : { order_id: `A-${index}`, total: index, currency: 'EUR' },
    context: index >= large.from && index < large.to ? large.context : {},
  }));
  const send = async (): Promise<void> => {
    const part = waitingFor.slice(0, batch);
    let results: readonly Result[];
    try {
      const response = await fetch(`${url}/v1/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ events: part }),
        signal: AbortSignal.timeout(10_000),
      });
      const body = (await response.json()) as { results?: readonly Result[] };
      results = body.results ?? part.map(() => ({ status: 'retry' }));
    } catch {
      refusals.unanswered += 1;
      await sleep(50);
      return;
    }
    const again: typeof waitingFor = [];
    for (const [at, { status, error }] of results.entries()) {
      const event = part[at]!;
      if (status === 'accepted' || status === 'duplicate') accepted.add(event.idempotency_key);
      else if (status === 'rejected') rejected.set(event.idempotency_key, error!.code);
      else again.push(event);
    }
    refusals.full += again.length;
    waitingFor = [...waitingFor.slice(batch), ...again];
    if (again.length > 0) await sleep(50);
  };
  const finished = (async () => {
    while (waitingFor.length > 0) await send();
    return { accepted, rejected };
  })();
  return { done, refusals, finished };
}

async function waiting(relay: GateProcess): Promise<number> {
  const text = await (await fetch(`http://${relay.adminListen}/metrics`, asAdmin)).text();
  const found = /^headgate_destination_pending\{destination="gate"\} (\S+)$/m.exec(text);
  const inHand = /^headgate_destination_in_flight\{destination="gate"\} (\S+)$/m.exec(text);
  return Number(found?.[1] ?? Number.NaN) + Number(inHand?.[1] ?? 0);
}

async function deadLetters(relay: GateProcess): Promise<number> {
  const admin = ['--admin', `http://${relay.adminListen}`];
  const { stdout } = await relay.headgate('dead', 'list', ...admin, '--json');
  return [...stdout.matchAll(/"id":/g)].length;
}

/** Of each accepted event: how often the far warehouse has it under the one id that it may have. */
export function countArrived(far: FarGate, accepted: ReadonlySet<string>) {
  const rows = far.rows();
  const keys = [...accepted];
  const missing = keys.filter((key) => !rows.has(key));
  const wrong = keys.filter((key) => {
    const ids = rows.get(key) ?? [];
    return ids.length > 1 || (ids.length === 1 && ids[0] !== eventIdOf(source, key));
  });
  return { missing: missing.length, wrong: wrong.length, rows: rows.size };
}

/** How many messages the far log has: more than events, if some were stored twice. */
export async function farMessages(far: FarGate): Promise<number> {
  const { manager } = clientsForTests(far.gate.service.log);
  return (await manager.streams.info(natsStream('EVENTS'))).state.messages;
}
