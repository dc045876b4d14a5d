import { rmSync } from 'node:fs';
import path from 'node:path';

import { eventIdOf } from '../../src/event/event-id.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { prepareGate, until, type GateProcess } from '../crash/gate-process.ts';
import { asAdmin } from '../admin-token.ts';
import { natsStream } from '../nats-stream.ts';
import { relayKey, type FarGate } from './far.ts';
import { startNodeProducer } from './node-producer.ts';
import { buildProducers, type Producer, type ProducerLanguage } from './producers.ts';
import { fill, mountSmallDisk } from '../small-disk.ts';

export interface KilledRelayOptions {
  readonly events: number;
  /** While the network is cut for the first time, and after that. At least 2. */
  readonly kills: number;
  /** They send in equal parts, beside Node. Those whose tools are not here are left out, with a line. */
  readonly languages: readonly ProducerLanguage[];
  /** The relay's log is on a small file system, which fills once. Where none can be mounted, a line says so. */
  readonly fillsDisk: boolean;
}

/** What became of each event, by its idempotency key. */
export interface KilledRelayRun {
  readonly accepted: ReadonlySet<string>;
  readonly rejected: ReadonlyMap<string, string>;
  /** Verdicts `retry` and requests without an answer: they were sent again. */
  readonly refusals: { full: number; unanswered: number };
  /** The idempotency keys that `headgate rejected list` of the relay shows. */
  readonly listed: ReadonlySet<string>;
  /** Dead letters of the relay. */
  readonly dead: number;
  readonly story: string;
}

export const source = 'shop-fra';
const diskBytes = 256 * 1024 * 1024;
/** The room of the relay's log: less than the events take, so that it fills while the network is cut. */
const storageBytesMax = 80 * 1024 * 1024;
/** Those that fill it: while the network is cut, they are the next ones. */
const large = { from: 300, to: 1_140, context: { note: 'x'.repeat(60_000) } };

/** The real program `headgate relay`, on free ports, which forwards to `port`. */
export function prepareRelay(port: number): Promise<GateProcess> {
  return prepareGate({
    command: 'relay',
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
 * for a while, long enough for the room of the relay's log to fill, and then its network falls silent once.
 * Producers send each event until it has a verdict that is final. Resolves when the relay has forwarded all.
 */
export async function sendWhileKilled(
  far: FarGate,
  { events, kills, languages, fillsDisk }: KilledRelayOptions,
): Promise<KilledRelayRun> {
  using built = buildProducers(languages);
  await using relay = await prepareRelay(far.network.port);
  const disk = fillsDisk ? mountDisk(relay) : undefined;
  const startedAt = performance.now();
  const phases: string[] = [];
  const phase = (name: string): void =>
    void phases.push(`${name} after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  let run = await relay.start();
  phase('ready');
  const share = Math.floor(events / (built.languages.length + 1) / 50) * 50;
  const node = startNodeProducer({
    url: relay.url,
    events: events - share * built.languages.length,
    index: 0,
    contextOf: (event) => (event >= large.from && event < large.to ? large.context : {}),
  });
  const others = built.languages.map((name, at) => built.start(name, relay.url, share, at + 1));
  const producers: Producer[] = [node, ...others];
  const finished = Promise.all(producers.map((one) => one.finished));
  // Awaited at the end: until then a program that fails must not end the process.
  finished.catch(() => undefined);
  const done = (): number => sum(producers, (one) => one.accepted.size + one.rejected.size);
  const full = (): number => sum(producers, ({ refusals }) => refusals.full);
  const refusedAgain = async (): Promise<void> => {
    const before = full();
    await until(full, (count) => count > before, 60_000);
  };
  const kill = async (): Promise<void> => {
    run.kill('SIGKILL');
    await run.exit;
  };
  const restart = async (): Promise<void> => {
    await kill();
    run = relay.spawn();
    // Not until it is ready: while its log is full, it is not.
    await until(() => answers(relay), Boolean, 60_000);
  };
  try {
    // Contracts are known, and some events are through. Then the far gate is away.
    const early = (): number => node.accepted.size + node.rejected.size;
    await until(early, (count) => count >= large.from, 60_000);
    await far.network.close();
    await restart();
    await refusedAgain();
    phase('full');
    await far.network.listen();
    // So that the kills of a long run are spread over it.
    const step = 1 + Math.max(0, Math.floor((events - 3_000) / kills));
    for (let round = 1; round < kills; round += 1) {
      const wanted = Math.min(events, done() + step);
      await until(done, (count) => count >= wanted, 300_000);
      if (round === 1) far.network.freeze();
      if (round === 2 && disk !== undefined) {
        const filler = path.join(disk.folder, 'filler');
        fill(filler);
        await refusedAgain();
        phase('disk full');
        await kill();
        rmSync(filler);
      }
      await restart();
      far.network.thaw();
    }
    phase('killed');
    await finished;
    phase('sent');
    await until(
      () => waiting(relay),
      (count) => count === 0,
      120_000,
      100,
    );
    phase('forwarded');
    const dead = await deadLetters(relay);
    const listed = await listRejected(relay);
    run.kill('SIGTERM');
    await run.exit;
    const accepted = new Set(producers.flatMap((one) => [...one.accepted]));
    const rejected = new Map(producers.flatMap((one) => [...one.rejected]));
    const unanswered = sum(producers, ({ refusals }) => refusals.unanswered);
    const story = [
      ...producers.map(
        (one) => `${one.name} ${one.accepted.size} accepted, ${one.rejected.size} rejected`,
      ),
      `${kills} kills, ${full()} refused for room, ${unanswered} requests unanswered`,
      phases.join(', '),
    ].join('; ');
    return { accepted, rejected, refusals: { full: full(), unanswered }, listed, dead, story };
  } finally {
    for (const one of producers) one.stop();
    disk?.unmount();
  }
}

const sum = (producers: readonly Producer[], of: (one: Producer) => number): number =>
  producers.reduce((total, one) => total + of(one), 0);

/** A small disk for the relay's log. Undefined where none can be mounted. */
function mountDisk(relay: GateProcess) {
  const folder = path.join(relay.dataDir, 'nats');
  const disk = mountSmallDisk(folder, diskBytes);
  if (!('why' in disk)) return disk;
  console.log(`no disk is filled: a file system cannot be mounted here (needs root): ${disk.why}`);
  return undefined;
}

/** Whether the public port answers. */
async function answers(relay: GateProcess): Promise<boolean> {
  const response = await fetch(`${relay.url}/openapi.json`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
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

async function listRejected(relay: GateProcess): Promise<Set<string>> {
  const admin = ['--admin', `http://${relay.adminListen}`];
  const args = ['rejected', 'list', ...admin, '--limit', '100000', '--json'];
  const { stdout } = await relay.headgate(...args);
  const keys = stdout.matchAll(/"idempotencyKey":"([^"]+)"/g);
  return new Set([...keys].map(([, key]) => key!));
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
