import { setTimeout as sleep } from 'node:timers/promises';

import { batchJson, keyOffsets, writeKey } from '../payload.ts';
import { generatorCore, pin, serverCore, unpin, type Gate } from '../processes.ts';
import { childrenOf, ownCpuSeconds } from '../script/cpu.ts';

/** A relay and the gate that it forwards to. */
export interface Pair {
  readonly relay: Gate;
  readonly far: Gate;
}

const minutesMax = 5;
/** Single events are stored as fast as the log syncs, which takes many in flight. */
const eventsInFlight = 2_000;
const requestsInFlightMax = 64;
const run = (Math.random() * 0xffff_ffff) >>> 0;

/** Sends events to a gate, in requests of `batch`, until it has acknowledged so many. */
export async function store(gate: Gate, events: number, batch: number): Promise<void> {
  let sent = 0;
  const send = async (): Promise<void> => {
    const body = batchJson(batch);
    const offsets = keyOffsets(body);
    while (sent < events) {
      const first = sent;
      sent += batch;
      for (const [at, offset] of offsets.entries()) writeKey(body, offset, run, first + at);
      await post(gate.port, '/v1/batch', body);
    }
  };
  const requests = Math.min(requestsInFlightMax, Math.ceil(eventsInFlight / batch));
  await Promise.all(Array.from({ length: requests }, send));
}

/** Sends JSON, and reads the answer. Rejects if that is no success. */
export async function post(
  port: number,
  at: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${at}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body as Buffer<ArrayBuffer>,
  });
  await response.arrayBuffer();
  if (response.status >= 300) throw new Error(`${at} answered ${response.status}`);
}

export interface Forwarding {
  readonly perSecond: number;
  /** In µs per event, by process. */
  readonly cpu: ReadonlyMap<string, number>;
  /** The same in all before that, while both gates were still being compiled. */
  readonly coldUs: number;
}

/** Of several runs, the highest rate and the least CPU of each process. */
export function bestOf(all: readonly Forwarding[]): Forwarding {
  const names = [...all[0]!.cpu.keys()];
  return {
    perSecond: Math.max(...all.map(({ perSecond }) => perSecond)),
    cpu: new Map(names.map((name) => [name, Math.min(...all.map(({ cpu }) => cpu.get(name)!))])),
    coldUs: Math.min(...all.map(({ coldUs }) => coldUs)),
  };
}

export function sumOf(cpu: ReadonlyMap<string, number>): number {
  return [...cpu.values()].reduce((sum, us) => sum + us, 0);
}

export interface ForwardingOptions {
  readonly events: number;
  /** The first of them, which are not counted. */
  readonly warm: number;
  readonly pinned: boolean;
}

/** From event `warm` that the far gate takes to the last one. */
export async function measureForwarding(
  pair: Pair,
  { events, warm, pinned }: ForwardingOptions,
): Promise<Forwarding> {
  const watched = watch(pair, pinned);
  let cold: Sight | undefined;
  let first: Sight | undefined;
  let last: Sight | undefined;
  const limit = performance.now() + minutesMax * 60_000;
  for (;;) {
    const sight = { count: await relayed(pair.far), at: performance.now(), cpu: cpuOf(watched) };
    if (cold === undefined && sight.count > 0) {
      console.error('the far gate has the first events');
      cold = sight;
    }
    if (first === undefined && sight.count > warm) first = sight;
    // Waits between the last event and the scrape that sees it are no part of the rate.
    if (sight.count < events || last === first) last = sight;
    if (sight.count >= events) break;
    if (sight.at > limit) throw new Error(`${sight.count} of ${events} events arrived in time`);
    await sleep(scrapeMs);
  }
  const counted = last!.count - first!.count;
  return {
    perSecond: Math.round((counted * 1_000) / (last!.at - first!.at)),
    cpu: cpuPerEvent(first!.cpu, last!.cpu, counted),
    coldUs: sumOf(cpuPerEvent(cold!.cpu, first!.cpu, first!.count - cold!.count)),
  };
}

interface Sight {
  readonly at: number;
  readonly count: number;
  readonly cpu: ReadonlyMap<string, number>;
}

/** A scrape costs the far gate a few ms: more of them would be a part of what is measured. */
const scrapeMs = 500;

/** Between two readings of `cpuOf`: µs by process. */
export function cpuPerEvent(
  from: ReadonlyMap<string, number>,
  to: ReadonlyMap<string, number>,
  events: number,
): Map<string, number> {
  return new Map(
    [...to].map(([name, ms]) => [name, ((ms - from.get(name)!) * 1_000) / events] as const),
  );
}

/** Verdicts that the far gate has counted. */
async function relayed(gate: Gate): Promise<number> {
  const text = await scrape(gate);
  const found = text.matchAll(/^headgate_relayed_events_total\{[^}]*\} (\d+)/gm);
  return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** What /metrics says. */
export async function scrape(gate: Gate): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  return response.text();
}

export const adminToken = 'token-of-the-relay-bench-4711';

/** The process ids of each gate and its nats-server. `pinned`: each pair on a core of its own, as on two hosts. */
export function watch(gates: Partial<Pair>, pinned: boolean): Map<string, number> {
  const watched = new Map<string, number>();
  for (const [name, gate] of Object.entries(gates)) {
    const { processId } = gate;
    const server = childrenOf(processId)[0]!;
    for (const id of [processId, server]) {
      if (pinned) pin(id, name === 'relay' ? generatorCore : serverCore);
      else unpin(id);
    }
    watched.set(`${name} gate`, processId).set(`${name} nats-server`, server);
  }
  return watched;
}

/** User and system time so far in ms, in the ticks of Linux: 100 a second. */
export function cpuOf(watched: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...watched].map(([name, id]) => [name, ownCpuSeconds(id) * 1_000] as const));
}
