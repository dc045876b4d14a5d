import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { Address, Config } from '../config/config.ts';
import { StartError } from '../errors.ts';
import type { GateOrder, GateReport, GateSettings } from './gate-process.ts';
import type { MetricDeltas } from '../observability/metric-deltas.ts';
import type { Signals } from '../observability/signals.ts';
import { changedEvents } from '../validation/live-validation.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';

export interface GateProcessesOptions {
  readonly config: Config;
  /** By which the gates validate: a replacement is handed that of its start. */
  readonly registry: () => SchemaRegistry;
  readonly canaryKey: string | undefined;
  readonly labels: GateSettings['labels'];
  readonly log: GateSettings['log'];
  readonly signals: Signals;
  readonly onCounted: (deltas: MetricDeltas) => void;
}

/** The gate, in several processes. */
export interface GateProcesses {
  readonly address: Address;
  readonly running: () => number;
  /** Has each validate by other contracts from its next request on. */
  follow(registry: SchemaRegistry): void;
  /** Lets each drain. */
  close(): Promise<void>;
}

/** A connection to NATS may take 5 s, and thousands of schemas as long again to compile. */
const startTimeoutMs = 60_000;
/** After the drain: to close the connections to NATS and end. */
const endTimeoutMs = 2_000;
/** A process that lived this long did not end of something that the next one meets at once. */
const soundLifeMs = 10_000;
const restartDelayMs = 100;
const restartDelayMsMax = 5_000;

/**
 * Starts `config.processes` gate processes, which share the public port, and replaces those that
 * end by themselves. The port itself is this process's: it takes the connections and hands them out
 * in turn, so that none outlives it. Throws a StartError when one cannot start.
 */
export async function startGateProcesses(options: GateProcessesOptions): Promise<GateProcesses> {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./gate-process.ts', import.meta.url)),
    args: [],
    // Sets, and bytes, as they are.
    serialization: 'advanced',
  });
  const listen = await choosePort(options.config.listen);
  const { processes, shutdownGraceMs } = options.config;
  const gates = Array.from({ length: processes }, (_, index) =>
    superviseGate(index + 1, () => handOver(options, listen), options),
  );
  const close = async (graceMs: number): Promise<void> => {
    await Promise.all(gates.map((gate) => gate.stop(graceMs)));
  };
  try {
    const [address] = await Promise.all(gates.map((gate) => gate.start()));
    return {
      address: address!,
      running: () => gates.filter((gate) => gate.running()).length,
      follow: (registry) => {
        for (const gate of gates) gate.follow(registry);
      },
      close: () => close(shutdownGraceMs + endTimeoutMs),
    };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** What a gate process needs of all that was read and started here, and no more. */
export function handOver(
  options: GateProcessesOptions,
  listen: Address,
): Omit<GateSettings, 'number'> {
  const { config } = options;
  const registry = options.registry();
  const { limits, processes } = config;
  const share = Math.ceil(limits.inFlightEventsMax / processes);
  return {
    config: {
      ...config,
      listen,
      // Theirs alone who use them: the token of the operators, the secrets of the destinations.
      admin: { ...config.admin, token: undefined },
      nats: { ...config.nats, url: undefined },
      pii: { hashKey: undefined },
      destinations: [],
      // A share that holds no full batch would refuse it whenever anything else is under way.
      limits: { ...limits, inFlightEventsMax: Math.max(share, limits.batchEventsMax) },
    },
    registry: withoutCode(registry),
    labels: {
      ...options.labels,
      eventNames: registry.events.map(({ name }) => name),
      destinations: [],
    },
    hashKey: config.pii.hashKey?.reveal(),
    canaryKey: options.canaryKey,
    // The streams are made, and only this process knows the room there was for them at its start.
    log: { ...options.log, topology: undefined },
  };
}

/** What validates is code, which cannot be sent. */
function withoutCode(registry: SchemaRegistry): SchemaRegistry {
  const events = registry.events.map((event) => ({
    ...event,
    versions: event.versions.map(({ findingsIn: _code, ...version }) => version),
  }));
  return { ...registry, events: events as unknown as SchemaRegistry['events'] };
}

/** Port 0 is chosen once: a replacement that is alone would be given another. */
async function choosePort(listen: Address): Promise<Address> {
  if (listen.port !== 0) return listen;
  const server = net.createServer().listen({ host: listen.host, port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return { host: listen.host, port };
}

interface SupervisedGate {
  /** Rejects with a StartError when it ends before it serves. */
  start(): Promise<Address>;
  readonly running: () => boolean;
  follow(registry: SchemaRegistry): void;
  /** Lets it drain; what is left of it after `graceMs` is killed. */
  stop(graceMs: number): Promise<void>;
}

/**
 * One gate process and its replacements.
 *
 * States: starting -> running -> (ended -> waiting -> starting)* -> stopping -> stopped. What was
 * acknowledged when it ends was stored before; what was not comes again.
 */
function superviseGate(
  number: number,
  settings: () => Omit<GateSettings, 'number'>,
  options: GateProcessesOptions,
): SupervisedGate {
  const { signals } = options;
  const name = `gate process ${number}`;
  const stopping = new AbortController();
  let current: RunningGate | undefined;
  let endsInARow = 0;
  /** What the current process validates by, as soon as it has read its messages. */
  let told = options.registry();

  const launch = async (): Promise<Address> => {
    const startedAt = performance.now();
    const handed = options.registry();
    const gate = forkGate({ ...settings(), number }, options.onCounted);
    told = handed;
    current = gate;
    const { processId } = gate;
    const address = await gate.ready;
    signals.note({ gateProcess: number, processId }, 'a gate process serves');
    void gate.ended.then((how) => {
      if (stopping.signal.aborted) return;
      if (performance.now() - startedAt > soundLifeMs) endsInARow = 0;
      signals.trouble(name, new Error(`process ${processId} ended by itself (${how}); replaced`));
      void replace();
    });
    return address;
  };

  const replace = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const delayMs = Math.min(restartDelayMsMax, restartDelayMs * 2 ** endsInARow);
      endsInARow += 1;
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      try {
        await launch();
        return;
      } catch (error) {
        if (!stopping.signal.aborted) signals.trouble(name, error);
      }
    }
  };

  const start = async (): Promise<Address> => {
    try {
      return await launch();
    } catch (error) {
      // Ctrl-C came before it could ignore it. Whether we stop is decided elsewhere.
      if (!stopping.signal.aborted && interrupted(await current?.ended)) return start();
      throw error;
    }
  };

  return {
    start,
    running: () => current?.serves() === true,
    follow: (registry) => {
      if (registry === told) return;
      current?.follow(withoutCode({ ...registry, events: changedEvents(told, registry) }));
      told = registry;
    },
    stop: async (graceMs) => {
      stopping.abort();
      await current?.stop(graceMs);
    },
  };
}

function interrupted(how: string | undefined): boolean {
  return how === 'SIGINT' || how === 'SIGTERM';
}

interface RunningGate {
  readonly processId: number | undefined;
  readonly ready: Promise<Address>;
  /** Resolves with the signal or the exit code, once all that it told is here. */
  readonly ended: Promise<string>;
  readonly serves: () => boolean;
  /** Tells it the events that have changed. */
  follow(changed: SchemaRegistry): void;
  stop(graceMs: number): Promise<void>;
}

function forkGate(
  settings: GateSettings,
  onCounted: GateProcessesOptions['onCounted'],
): RunningGate {
  const child = cluster.fork();
  const kill = (): void => void child.process.kill('SIGKILL');
  const order = (message: GateOrder): void => {
    // One that is gone by now is told of by its end.
    if (child.isConnected()) child.send(message, () => {});
  };
  let serves = false;
  let fault: string | undefined;
  const ready = Promise.withResolvers<Address>();
  const timer = setTimeout(() => {
    fault = `A gate process did not start within ${startTimeoutMs / 1000} s.`;
    kill();
  }, startTimeoutMs);
  child.on('message', (report: GateReport) => {
    if (report.kind === 'counted') onCounted(report.deltas);
    else if (report.kind === 'ready') {
      serves = true;
      clearTimeout(timer);
      ready.resolve(report.address);
    } else {
      fault = report.text;
      kill();
    }
  });
  const ended = endOf(child).then((how) => {
    serves = false;
    clearTimeout(timer);
    ready.reject(new StartError(fault ?? `A gate process ended as it started (${how}).`));
    return how;
  });
  order({ kind: 'start', settings });
  return {
    processId: child.process.pid,
    ready: ready.promise,
    ended,
    serves: () => serves,
    follow: (changed) => order({ kind: 'follow', changed }),
    stop: async (graceMs) => {
      if (serves && graceMs > 0) order({ kind: 'stop' });
      else kill();
      const late = setTimeout(kill, graceMs);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Its last reports may be read after its end was noticed; the channel closes behind them. */
function endOf(child: Worker): Promise<string> {
  return new Promise((resolve) => {
    let how: string | undefined;
    const settle = (): void => {
      if (how !== undefined && !child.isConnected()) resolve(how);
    };
    child.once('exit', (code, signal) => {
      how = signal ?? `code ${code}`;
      settle();
    });
    child.once('disconnect', () => setImmediate(settle));
    child.on('error', (error) => {
      // It never ran: no exit is told of.
      if (child.process.pid === undefined) resolve(error.message);
    });
  });
}
