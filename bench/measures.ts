import {
  canMeasureMemory,
  freePort,
  generatorCore,
  runScript,
  serverCore,
  settleDisk,
  startGate,
  startPeer,
  type Gate,
  type Server,
} from './processes.ts';

/** One line of the table. The ratio must be at least the floor. */
export interface Measure {
  /** Describes the measure; docs/operate/performance.md explains it. */
  readonly name: string;
  readonly floor: number;
  readonly ratios: number[];
  /** The compared values as text, such as "38,100/s : 58,000/s". */
  readonly shown: string[];
}

interface Load {
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly generatorCores: number;
}

interface Published {
  readonly perSecond: number;
  readonly failed: number;
}

export const names = {
  rest: 'POST /v1/track, validated, stored, durability async, 128 connections, compared with bare node:http that parses and answers 202',
  fsync: 'the same with durability fsync, compared with async',
  connect: 'Connect JSON Track, stored, compared with stock connect-node, which stores nothing',
  grpcStock: 'gRPC Track, stored, compared with stock connect-node, which stores nothing',
  grpcJs: 'gRPC Track, stored, compared with @grpc/grpc-js, which stores nothing',
  batch:
    'gRPC BatchTrack of 500, events/s, compared with a raw pipelined JetStream publisher (same bytes, same stream settings)',
  groupCommit:
    'events/s with group commit, durability fsync, 512 in flight, compared with sync_interval: always',
  memory: 'memory (RSS) of the gate process under the highest of these loads',
  p99: 'p99 of Track at half its highest rate, durability fsync',
} as const;

const floors: Readonly<Record<keyof typeof names, number>> = {
  rest: 0.55,
  fsync: 0.7,
  connect: 3,
  grpcStock: 5,
  grpcJs: 0.9,
  batch: 0.75,
  groupCommit: 15,
  memory: 1,
  p99: 1,
};

const memoryBytesMax = 250 * 1024 * 1024;
const p99MsMax = 20;
const batchEvents = 500;
/** The same for batches and for the raw publisher. */
const eventsInFlight = 8 * batchEvents;

export interface Bench {
  /** Further results, which have no floor. */
  readonly extras: Map<string, string[]>;
  readonly measures: Map<keyof typeof names, Measure>;
  round(): Promise<void>;
  stop(): Promise<void>;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Starts each server once; all others are idle while one is measured. */
export async function openBench(seconds: number): Promise<Bench> {
  const gateEnv = { HEADGATE_ROLES: 'gate' };
  const servers: Server[] = [];
  const stopLater = <S extends Server>(server: S): S => {
    servers.push(server);
    return server;
  };
  const gate = stopLater(await startGate({ ...gateEnv, HEADGATE_DURABILITY: 'async' }));
  const syncing = stopLater(await startGate({ ...gateEnv, HEADGATE_DURABILITY: 'fsync' }));
  const peers = {
    http: stopLater(await startPeer('bare-http')),
    http2: stopLater(await startPeer('bare-http2')),
    connect: stopLater(await startPeer('stock-connect', 'h1')),
    connectH2: stopLater(await startPeer('stock-connect', 'h2')),
    grpcJs: stopLater(await startPeer('grpc-js')),
  };
  const measures = new Map<keyof typeof names, Measure>();
  for (const key of Object.keys(names) as (keyof typeof names)[]) {
    measures.set(key, { name: names[key], floor: floors[key], ratios: [], shown: [] });
  }
  const extras = new Map<string, string[]>();
  const note = (name: string, text: string): void => {
    extras.set(name, [...(extras.get(name) ?? []), text]);
  };
  const record = (key: keyof typeof names, ratio: number, shown: string): void => {
    measures.get(key)!.ratios.push(ratio);
    measures.get(key)!.shown.push(shown);
  };
  const compare = (key: keyof typeof names, ours: number, theirs: number): void =>
    record(key, ours / theirs, `${whole(ours)}/s : ${whole(theirs)}/s`);

  const load = async (
    server: Server,
    kind: string,
    path: string,
    more: { concurrency?: number; batch?: number; rate?: number } = {},
  ): Promise<Load> => {
    const options = { concurrency: 128, batch: 1, rate: 0, warmSeconds: 1, seconds, ...more };
    const answer = await runScript<Load>(
      'generator.ts',
      { ...options, kind, path, port: server.port },
      generatorCore,
    );
    if (answer.failed > 0)
      throw new Error(`${kind}: ${answer.failed} of ${answer.requests} failed`);
    return answer;
  };
  const track = '/headgate.v1.TrackService/Track';
  const rest = (server: Server, more = {}) => load(server, 'rest', '/v1/track', more);
  const publisher = async (mode: 'raw' | 'js', on: Gate, depth: number, forSeconds: number) => {
    const options = { mode, ...on.nats, depth, seconds: forSeconds };
    return (await runScript<Published>('peers/publisher.ts', options, serverCore)).perSecond;
  };

  /** Alternates, because nats-server gets slower with each message id that it remembers. */
  const compareBatches = async (): Promise<void> => {
    const batchTrack = '/headgate.v1.TrackService/BatchTrack';
    const more = { concurrency: eventsInFlight / batchEvents, batch: batchEvents };
    const raw = () => publisher('raw', gate, eventsInFlight, seconds / 2);
    settleDisk();
    const ceilings = [await raw()];
    const rates: number[] = [];
    for (let pair = 0; pair < 2; pair += 1) {
      rates.push((await load(gate, 'grpc-batch', batchTrack, more)).perSecond * batchEvents);
      ceilings.push(await raw());
    }
    compare('batch', mean(rates), mean(ceilings));
  };

  const round = async (): Promise<void> => {
    const bare = await rest(peers.http);
    note('generator on bare node:http', `${bare.generatorCores.toFixed(2)} of a core`);
    const ours = await rest(gate);
    compare('rest', ours.perSecond, bare.perSecond);
    settleDisk();
    const synced = await rest(syncing);
    compare('fsync', synced.perSecond, ours.perSecond);
    settleDisk();
    const half = await rest(syncing, { rate: Math.round(synced.perSecond / 2) });
    record(
      'p99',
      p99MsMax / half.p99Ms,
      `${half.p99Ms.toFixed(1)} ms at ${whole(half.perSecond)}/s`,
    );

    const connectPeer = await load(peers.connect, 'connect-json', track);
    compare('connect', (await load(gate, 'connect-json', track)).perSecond, connectPeer.perSecond);

    const grpc = await load(gate, 'grpc', track);
    compare('grpcStock', grpc.perSecond, (await load(peers.connectH2, 'grpc', track)).perSecond);
    compare('grpcJs', grpc.perSecond, (await load(peers.grpcJs, 'grpc', track)).perSecond);
    const bareH2 = await load(peers.http2, 'grpc', track);
    note(
      'gRPC Track compared with bare node:http2',
      (grpc.perSecond / bareH2.perSecond).toFixed(2),
    );

    await compareBatches();
    const client = await publisher('js', gate, 256, seconds);
    note('js.publish() in a loop, 256 in flight', `${whole(client)}/s`);

    const natsPort = await freePort();
    const commit = (mode: 'group' | 'always') =>
      runScript<Published>(
        'peers/log-publisher.ts',
        { mode, depth: 512, seconds, natsPort },
        serverCore,
      );
    compare('groupCommit', (await commit('group')).perSecond, (await commit('always')).perSecond);
    if (canMeasureMemory) {
      const bytes = Math.max(gate.memoryMax(), syncing.memoryMax());
      record('memory', memoryBytesMax / bytes, `${whole(bytes / 1024 / 1024)} MB`);
    }
  };

  return {
    measures,
    extras,
    round,
    stop: async () => {
      await Promise.allSettled(servers.map((server) => server.stop()));
    },
  };
}
