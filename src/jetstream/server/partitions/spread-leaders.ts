import { setTimeout as sleep } from 'node:timers/promises';

import { clientsOf } from '../../clients.ts';
import type { Log } from '../../log.ts';
import { storeUnlessChanged } from '../../publish/store-if-unchanged.ts';
import { partitionStream, subjects } from '../../topology.ts';

/** Spreads the leaders of the partitions over the servers of a cluster. */
export interface LeaderSpread {
  start(): void;
  /** Waits for a run in progress. */
  stop(): Promise<void>;
  /**
   * Looks once, and moves leaders one after the other until they are spread. Resolves to how many it
   * has moved. Rejects when the log cannot be reached.
   */
  run(): Promise<number>;
}

export interface LeaderSpreadOptions {
  readonly log: Log;
  readonly onMoved: (move: LeaderMove) => void;
  readonly onTrouble: (error: unknown) => void;
  /** Default: a minute. After a restart of a server its partitions are led by the others for so long. */
  readonly intervalMs?: number;
  /** Between two moves: an election is short, but events of its partition wait meanwhile. Default: 5 s. */
  readonly pauseMs?: number;
}

export interface LedPartition {
  readonly stream: string;
  /** Undefined during an election. */
  readonly leader: string | undefined;
  /** The servers that could lead it now. */
  readonly followers: readonly string[];
  /** Its servers that run and have not caught up, as after a restart, or after an election that has just ended. */
  readonly lagging: readonly string[];
}

export interface LeaderMove {
  readonly stream: string;
  readonly from: string;
  readonly to: string;
}

const intervalMsDefault = 60_000;
const pauseMsDefault = 5_000;
/** So many pauses in a row for servers that do not catch up; then the next run looks again. */
const waitsMax = 12;

export function createLeaderSpread(options: LeaderSpreadOptions): LeaderSpread {
  const { log, onMoved, onTrouble, pauseMs = pauseMsDefault } = options;
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<number> | undefined;

  const runOnce = async (): Promise<number> => {
    if (nextStep(await readLeaders(log)) === 'spread') return 0;
    // Of all processes one moves leaders. Its claim ends by itself, and so limits the rate.
    const claim = await storeUnlessChanged(log, 'CLAIMS', subjects.spreading, 0, '');
    if (claim === undefined) return 0;
    let moved = 0;
    let waits = 0;
    while (!stopping.signal.aborted && waits < waitsMax) {
      const partitions = await readLeaders(log);
      const step = nextStep(partitions);
      if (step === 'spread' || moved >= partitions.length) break;
      if (step === 'wait') waits += 1;
      else {
        await moveLeader(log, step);
        moved += 1;
        waits = 0;
        onMoved(step);
      }
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
    return moved;
  };
  const run = (): Promise<number> =>
    (running ??= runOnce().finally(() => {
      running = undefined;
    }));
  return {
    start: () => {
      timer ??= setInterval(() => {
        void run().catch((error: unknown) => {
          if (!stopping.signal.aborted) onTrouble(error);
        });
      }, options.intervalMs ?? intervalMsDefault);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await running?.catch(() => {});
    },
    run,
  };
}

/**
 * What brings the leaders closer to an even spread: a move from the server that leads most to a follower that leads at
 * least two fewer, or to wait for a leader, or for a server that should get one and has not caught up.
 */
export function nextStep(partitions: readonly LedPartition[]): LeaderMove | 'wait' | 'spread' {
  if (partitions.some(({ leader }) => leader === undefined)) return 'wait';
  const move = bestMove(partitions, ({ followers }) => followers);
  if (move !== undefined) return move;
  return bestMove(partitions, ({ lagging }) => lagging) === undefined ? 'spread' : 'wait';
}

function bestMove(
  partitions: readonly LedPartition[],
  serversOf: (partition: LedPartition) => readonly string[],
): LeaderMove | undefined {
  const counts = new Map<string, number>();
  for (const { leader } of partitions) counts.set(leader!, (counts.get(leader!) ?? 0) + 1);
  const countOf = (server: string): number => counts.get(server) ?? 0;
  const moves = partitions.flatMap((partition) => {
    const { stream, leader } = partition;
    const from = leader!;
    return serversOf(partition).map((to) => ({
      stream,
      from,
      to,
      gain: countOf(from) - countOf(to),
    }));
  });
  const best = moves.toSorted((left, right) => right.gain - left.gain)[0];
  if (best === undefined || best.gain < 2) return undefined;
  return { stream: best.stream, from: best.from, to: best.to };
}

/** The open partitions; empty where a single one has nothing to spread. */
async function readLeaders(log: Log): Promise<LedPartition[]> {
  const { manager, events } = clientsOf(log);
  const { open } = events.now().layout;
  if (open.length < 2) return [];
  const partitions: LedPartition[] = [];
  for (const partition of open) {
    const stream = partitionStream(partition);
    const { cluster } = await manager.streams.info(stream);
    const running = (cluster?.replicas ?? []).filter(({ offline }) => offline !== true);
    const namesOf = (isCurrent: boolean): string[] =>
      running.filter(({ current }) => current === isCurrent).map(({ name }) => name);
    partitions.push({
      stream,
      leader: cluster?.leader || undefined,
      followers: namesOf(true),
      lagging: namesOf(false),
    });
  }
  return partitions;
}

/** https://docs.nats.io/reference/reference-protocols/nats_api_reference, "Stream leader step down" */
async function moveLeader(log: Log, { stream, to }: LeaderMove): Promise<void> {
  const { connection } = clientsOf(log);
  const subject = `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`;
  const answer = await connection.request(
    subject,
    JSON.stringify({ placement: { preferred: to } }),
  );
  const { error } = answer.json<{ error?: { description: string } }>();
  if (error !== undefined) {
    throw new Error(`the leader of ${stream} does not move to ${to}: ${error.description}`);
  }
}
