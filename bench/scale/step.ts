import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { askAdmin } from '../../test/ask-admin.ts';
import { eventsBetween, sendAll } from '../destinations/stored-events.ts';
import type { ClusterLog } from './cluster-log.ts';
import {
  destination,
  startGate,
  startWorker,
  type Program,
  type ProgramOptions,
  type Worker,
} from './programs.ts';
import { perEvent, watch, type Measured, type Usage, type Watched } from './usage.ts';

/** Workers follow a pause within a second. */
const followMs = 1_500;
const idleMs = 4_000;
/** The same for each partition, whatever their number: a leader stores what waits for it in groups. */
const batchesPerPartition = 2;

export interface StepOptions extends Omit<ProgramOptions, 'natsUrl'> {
  readonly log: ClusterLog;
  /** How many gates, and how many workers; each at the next node. */
  readonly processes: number;
  readonly events: number;
  /** Events before the measured ones, while connections open and code is compiled. */
  readonly warmUpEvents: number;
}

export interface Phase {
  readonly perSecond: number;
  /** For each event. */
  readonly used: readonly Usage[];
  /** What the nodes sent to each other, for each event. */
  readonly routedBytes: number;
}

/** What was measured with a number of partitions, gates and workers. */
export interface Step extends Phases {
  readonly partitions: number;
  readonly processes: number;
  /** How many partitions each node leads. */
  readonly leads: readonly number[];
  /** Of an event in the log of one node. */
  readonly storedBytes: number;
  readonly counts: Counts;
}

export interface Phases {
  /** Gates store events, which no worker takes meanwhile. */
  readonly intake: Phase;
  /** Workers deliver them, and no more come. */
  readonly delivery: Phase;
  /** Neither. */
  readonly idle: Watched;
}

export interface Counts {
  readonly sent: number;
  readonly stored: number;
  /** Different events that came to the destination. */
  readonly delivered: number;
  /** Events that came once more. */
  readonly repeated: number;
}

export async function runStep(options: StepOptions): Promise<Step> {
  const { log, processes, partitions } = options;
  const stored = await storedIn(log);
  const gates: Program[] = [];
  const workers: Worker[] = [];
  let phases: Phases;
  try {
    for (let index = 0; index < processes; index += 1) {
      const folder = path.join(options.folder, `${partitions}-${processes}-${index}`);
      const program = { ...options, natsUrl: log.url(index) };
      gates.push(await startGate({ ...program, folder: `${folder}-gate` }));
      workers.push(await startWorker({ ...program, folder: `${folder}-worker` }));
    }
    phases = await measurePhases(options, gates, workers);
  } finally {
    for (const program of [...workers, ...gates]) await program.stop();
  }
  const after = await storedIn(log);
  const delivered = workers.flatMap((worker) => worker.delivered());
  const different = new Set(delivered).size;
  return {
    partitions,
    processes,
    leads: [0, 1, 2].map((node) => after.leaders.filter((name) => name === `nats-${node}`).length),
    ...phases,
    storedBytes: (after.bytes - stored.bytes) / (after.events - stored.events),
    counts: {
      sent: options.warmUpEvents + options.events,
      stored: after.events - stored.events,
      delivered: different,
      repeated: delivered.length - different,
    },
  };
}

async function measurePhases(
  { log, partitions, events, warmUpEvents }: StepOptions,
  gates: readonly Program[],
  workers: readonly Worker[],
): Promise<Phases> {
  const measured: Measured[] = [
    ...gates.map(({ processId }) => ({ role: 'gate' as const, processId })),
    ...log.nodeProcessIds.map((processId) => ({ role: 'nats' as const, processId })),
    ...workers.map(({ processId }) => ({ role: 'worker' as const, processId })),
  ];
  const send = async (count: number): Promise<void> => {
    const each = count / gates.length;
    const inFlight = Math.ceil((batchesPerPartition * partitions) / gates.length);
    await Promise.all(gates.map(({ port }) => sendAll(port, each, eventsBetween, {}, inFlight)));
  };
  const ask = (method: string, more = {}) =>
    askAdmin(workers[0]!.adminUrl, `DestinationService/${method}Destination`, {
      name: destination,
      ...more,
    });
  await send(warmUpEvents);
  await log.untilSettled();
  await ask('Pause', { why: 'the intake is measured' });
  await sleep(followMs);
  const routed = [await log.routedBytes()];
  const intake = await watch(measured, () => send(events));
  routed.push(await log.routedBytes());
  const delivery = await watch(measured, async () => {
    await ask('Resume');
    await log.untilSettled();
  });
  routed.push(await log.routedBytes());
  const idle = await watch(measured, () => sleep(idleMs));
  const phase = (watched: Watched, index: number): Phase => ({
    perSecond: events / watched.seconds,
    used: perEvent(watched, idle, events),
    routedBytes: (routed[index + 1]! - routed[index]!) / events,
  });
  return { intake: phase(intake, 0), delivery: phase(delivery, 1), idle };
}

async function storedIn(log: ClusterLog) {
  const parts = await log.readPartitions();
  return {
    events: parts.reduce((sum, { events }) => sum + events, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    leaders: parts.map(({ leader }) => leader),
  };
}
