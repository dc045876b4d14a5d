import { expect } from 'vitest';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { seededChance } from '../crash/kill-plan.ts';
import { prepareGate, until, type GateProcess, type GateRun } from '../crash/gate-process.ts';
import { countMessages, publishEvents, unsettled } from '../delivery/rig.ts';
import { startRealLog, urlWithLogin, type RealLog } from '../real-log.ts';

/** One destination of a worker that is killed, with the real far side that it delivers to. */
export interface KilledDestination {
  /** Its name in headgate.yaml: its own among those of a run. */
  readonly name: string;
  /** As in headgate.yaml, `type` included. */
  readonly settings: Readonly<Record<string, string | number | boolean | object>>;
  /** Whether the far side takes a second copy for a new event. Its section of the docs says so. */
  readonly arrives: 'exactly once' | 'at least once';
  /** How many events are there by now. Called often. */
  count(): number | Promise<number>;
  /** The id of every event that is there, as often as it is there. */
  ids(): string[] | Promise<string[]>;
}

export interface KilledRun {
  /** What was published. */
  readonly ids: readonly string[];
  /** Events that a worker had in its hands when it was killed, over all kills and destinations. */
  readonly inHandAtKills: number;
  /** Entries in DEAD. */
  readonly dead: number;
  /** `seed 12: ...`: for the one who reads a failed run. */
  readonly story: string;
}

export interface KilledRunOptions {
  readonly events: number;
  readonly kills: number;
  /** More of the environment of the worker. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long the last worker may take, where the far side is slow. */
  readonly deliveredMsMax?: number;
  /** Workers that share the destinations, and are killed together. 1 if absent. */
  readonly workers?: number;
}

/** Lots in which a share of the events is published: a kill comes between two of them. */
const lotsPerShare = 8;
/** A slow machine, and the wait for what a killed worker had in hand to come again. */
const deliveredTimeoutMs = 90_000;
const inHandMsMax = 1_000;

/**
 * Delivers events by the real program (`headgate serve`, role `deliver`) while that is killed with
 * SIGKILL again and again, each time in the middle of its deliveries to another destination, and
 * resolves when the log has nothing left for any of them.
 *
 * The log is outside of the killed process, as it is with a cluster: a kill takes a worker alone.
 */
export async function deliverWhileKilled(
  destinations: readonly KilledDestination[],
  options: KilledRunOptions,
): Promise<KilledRun> {
  const chance = seededChance();
  await using real = await startRealLog({ storageBytesMax });
  await using workers = new AsyncDisposableStack();
  const all: GateProcess[] = [];
  for (let number = 0; number < (options.workers ?? 1); number += 1) {
    all.push(workers.use(await prepareWorker(real, destinations, options.env)));
  }
  const startAll = (): Promise<GateRun[]> => Promise.all(all.map((worker) => worker.start()));
  const ids: string[] = [];
  let inHandAtKills = 0;
  const shareEvents = Math.ceil(options.events / (options.kills + 1));
  const publishShare = async function* (): AsyncGenerator<void> {
    const share = Math.min(shareEvents, options.events - ids.length);
    for (let lot = 0; lot < lotsPerShare; lot += 1) {
      const upTo = (part: number): number => Math.round((share * part) / lotsPerShare);
      ids.push(...(await publishEvents(real.log, upTo(lot + 1) - upTo(lot))));
      yield;
    }
  };

  for (let kill = 0; kill < options.kills; kill += 1) {
    const target = destinations[kill % destinations.length]!;
    const before = await target.count();
    const runs = await startAll();
    let lotsLeft = Math.floor(chance.between(1, lotsPerShare));
    const share = publishShare();
    for await (const _ of share) {
      lotsLeft -= 1;
      if (lotsLeft !== 0) continue;
      await until(target.count, (count) => count > before, deliveredTimeoutMs, 5);
      // What came before may be settled by now: the kill meets a lot that is on its way.
      const next = share.next();
      await untilInHand(real, destinations);
      for (const run of runs) run.kill('SIGKILL');
      await Promise.all(runs.map((run) => run.exit));
      inHandAtKills += await inHand(real, destinations);
      await next;
    }
  }
  const last = await startAll();
  for await (const _ of publishShare());
  await untilSettled(real, destinations, options.deliveredMsMax ?? deliveredTimeoutMs);
  for (const [index, run] of last.entries()) await endGently(run, all[index]!);
  return {
    ids,
    inHandAtKills,
    dead: await countMessages(real.log, 'DEAD'),
    story: `seed ${chance.seed}: ${options.kills} kills, ${inHandAtKills} events in hand at them`,
  };
}

const storageBytesMax = 256 * 1024 * 1024;

/** The real program with the role `deliver`, on this log. */
export function prepareWorker(
  real: RealLog,
  destinations: readonly Pick<KilledDestination, 'name' | 'settings'>[],
  more: Readonly<Record<string, string>> = {},
): Promise<GateProcess> {
  // Events are published before the first worker runs.
  const common = {
    from: 'earliest',
    ack_wait: '2s',
    retry: { attempts: 50, base: '10ms', cap: '100ms' },
  };
  const tree = destinations.map(({ name, settings }) => [name, { ...common, ...settings }]);
  return prepareGate({
    env: {
      ...more,
      HEADGATE_ROLES: 'deliver',
      HEADGATE_NATS_URL: urlWithLogin(real.server.address),
      HEADGATE_DURABILITY: 'async',
      HEADGATE_LOG_STORAGE_BYTES_MAX: String(storageBytesMax),
      HEADGATE_LOG_DEDUP_WINDOW: '2m',
      HEADGATE_SHUTDOWN_GRACE: '10s',
    },
    // JSON is YAML too.
    yaml: () => JSON.stringify({ destinations: Object.fromEntries(tree) }),
  });
}

async function inHand(real: RealLog, destinations: readonly KilledDestination[]): Promise<number> {
  const counts = destinations.map(async ({ name }) => {
    const info = await clientsForTests(real.log).manager.consumers.info('EVENTS_0', name);
    return info.num_ack_pending;
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Waits for a worker to have events in its hands, and not for long: not every kill has to meet some. */
async function untilInHand(
  real: RealLog,
  destinations: readonly KilledDestination[],
): Promise<void> {
  const deadline = performance.now() + inHandMsMax;
  while (performance.now() < deadline && (await inHand(real, destinations)) === 0);
}

async function untilSettled(
  real: RealLog,
  destinations: readonly KilledDestination[],
  timeoutMs: number,
): Promise<void> {
  for (const { name } of destinations) {
    await until(
      () => unsettled(real.log, name),
      (left) => left === 0,
      timeoutMs,
    );
  }
}

async function endGently(run: GateRun, worker: GateProcess): Promise<void> {
  run.kill('SIGTERM');
  const { code } = await run.exit;
  if (code !== 0) throw new Error(`the last worker ended with ${code}: ${worker.output()}`);
}

/** Each published event is at each destination, as often as that promises, and none is dead. */
export async function expectAllArrived(
  run: KilledRun,
  destinations: readonly KilledDestination[],
): Promise<void> {
  console.log(run.story);
  expect(run.inHandAtKills).toBeGreaterThan(0);
  expect(run.dead).toBe(0);
  const published = [...run.ids].sort();
  for (const { name, arrives, ids } of destinations) {
    const there = await ids();
    const wanted = arrives === 'exactly once' ? there.sort() : [...new Set(there)].sort();
    // Not toEqual: the difference of 20,000 ids takes minutes to print.
    expect({ name, missing: published.length - wanted.length }).toEqual({ name, missing: 0 });
    expect(wanted.every((id, index) => id === published[index])).toBe(true);
  }
}
