import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { isSocket } from '../config/address.ts';
import type { Config, ListenAddress } from '../config/config.ts';
import { readCertificate } from '../gate/certificate.ts';
import { chooseAddress } from '../gate/choose-address.ts';
import type { GateCredentials } from '../gate/gate.ts';
import type { RunTimeKeyChange } from '../gate/intake/keys/key-ring.ts';
import type { Allowances } from '../gate/limits/allowances.ts';
import { createLeaseDesk, type LeaseDesk } from '../gate/limits/lease-desk.ts';
import type { LeaseOrder, LeaseReport } from '../gate/limits/leases.ts';
import { shareSocket } from '../gate/shared-socket.ts';
import type { MetricDeltas } from '../observability/metric-deltas.ts';
import type { Signals } from '../observability/signals.ts';
import { changedEvents } from '../validation/live-validation.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';
import { forkGate, type ForkedGate, type GateReports } from './fork-gate.ts';
import type { GateSettings } from './gate-process.ts';
import { gateSettingsOf, withoutValidators, type GateSettingsOptions } from './gate-settings.ts';

export interface GateProcessesOptions extends GateSettingsOptions {
  readonly signals: Signals;
  readonly onCounted: (deltas: MetricDeltas) => void;
  /** The limits of sources, which the processes share. */
  readonly allowances: Allowances;
}

/** The gate in several processes. */
export interface GateProcesses {
  readonly address: ListenAddress;
  readonly running: () => number;
  /** Why one of the processes can store no event just now; undefined if each can. */
  readonly storeFailure: () => string | undefined;
  /** Makes every process validate by these contracts from its next request on. */
  follow(registry: SchemaRegistry): void;
  /** Also in force in replacements. */
  useCredentials(credentials: GateCredentials): void;
  /** Applies changes of the write keys of the log; a replacement starts with all of them. */
  followKeys(changes: readonly RunTimeKeyChange[]): void;
  /** The ids of the write keys that were used since the last call. */
  takeUsedKeys(): readonly string[];
  /** Drains and ends every process. */
  close(): Promise<void>;
}

/** How long a process may take after the drain to close its NATS connections and end. */
const endTimeoutMs = 2_000;
/** A process that lived this long started well: its end does not delay the next start. */
const healthyLifeMs = 10_000;
const restartDelayMs = 100;
const restartDelayMsMax = 5_000;

/**
 * Starts `config.processes` gate processes, which share the public port, and replaces a process
 * that ends by itself. This process owns the port: it accepts the connections and passes them on in
 * turn, so that no gate process outlives it. Throws a StartError if a gate process cannot start.
 */
export async function startGateProcesses(options: GateProcessesOptions): Promise<GateProcesses> {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./gate-process.ts', import.meta.url)),
    args: [],
    // Preserves sets and bytes.
    serialization: 'advanced',
  });
  const listen = await chooseAddress(options.config.listen);
  const socket = publishSocket(listen, options.signals);
  const { processes, shutdownGraceMs } = options.config;
  let credentials = credentialsOf(options.config);
  const used = new Set<string>();
  const onUsedKeys = (ids: readonly string[]): void => {
    for (const id of ids) used.add(id);
  };
  const desk = createLeaseDesk(options.allowances, (number, order) =>
    gates[number - 1]?.limit(order),
  );
  const current = { ...options, credentials: () => credentials, onUsedKeys, desk };
  const gates: readonly SupervisedGate[] = Array.from({ length: processes }, (_, index) =>
    superviseGate(index + 1, () => gateSettingsOf(current, listen), {
      ...current,
      onLimit: (report: LeaseReport) => desk.receive(index + 1, report),
    }),
  );
  const close = async (graceMs: number): Promise<void> => {
    socket.close();
    await Promise.all(gates.map((gate) => gate.stop(graceMs)));
  };
  try {
    const [address] = await Promise.all(gates.map((gate) => gate.start()));
    socket.check();
    return {
      address: address!,
      running: () => gates.filter((gate) => gate.running()).length,
      storeFailure: () =>
        gates.map((gate) => gate.storeFailure()).find((failure) => failure !== undefined),
      follow: (registry) => {
        for (const gate of gates) gate.follow(registry);
      },
      useCredentials: (changed) => {
        credentials = changed;
        for (const gate of gates) gate.useCredentials(changed);
      },
      followKeys: (changes) => {
        for (const gate of gates) gate.followKeys(changes);
      },
      takeUsedKeys: () => {
        const ids = [...used];
        used.clear();
        return ids;
      },
      close: () => close(shutdownGraceMs + endTimeoutMs),
    };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** Gives a Unix socket its path each time the first of the gate processes has bound it. */
function publishSocket(listen: ListenAddress, signals: Pick<Signals, 'trouble'>) {
  if (!isSocket(listen)) return { check: () => {}, close: () => {} };
  const shared = shareSocket(listen, 'HEADGATE_LISTEN');
  let fault: unknown;
  let isStarted = false;
  const onListening = (): void => {
    try {
      shared.publish();
    } catch (error) {
      fault ??= error;
      if (isStarted) signals.trouble('the Unix socket', error);
    }
  };
  cluster.on('listening', onListening);
  return {
    /** Throws a StartError if it has no path. */
    check: () => {
      isStarted = true;
      if (fault !== undefined) throw fault;
    },
    close: () => {
      cluster.off('listening', onListening);
      shared.remove();
    },
  };
}

/** Replacements start with the files as they were read once: they may be half written just then. */
function credentialsOf({ keys, webhooks, tls }: Config): GateCredentials {
  return { keys, webhooks, tlsFiles: tls === undefined ? undefined : readCertificate(tls).files };
}

interface SupervisedGate {
  /** Rejects with a StartError if the process ends before it serves. */
  start(): Promise<ListenAddress>;
  readonly running: () => boolean;
  readonly storeFailure: () => string | undefined;
  follow(registry: SchemaRegistry): void;
  useCredentials(credentials: GateCredentials): void;
  followKeys(changes: readonly RunTimeKeyChange[]): void;
  limit(order: LeaseOrder): void;
  /** Drains the process; kills it if it has not ended after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * One gate process and its replacements.
 *
 * States: starting -> running -> (ended -> waiting -> starting)* -> stopping -> stopped. Events that a
 * process acknowledged before it ended are stored; callers send the others again.
 */
function superviseGate(
  number: number,
  settings: () => Omit<GateSettings, 'number'>,
  options: GateProcessesOptions & GateReports & { readonly desk: LeaseDesk },
): SupervisedGate {
  const { signals, desk } = options;
  const name = `gate process ${number}`;
  const stopping = new AbortController();
  let current: ForkedGate | undefined;
  let endsInARow = 0;
  /** The contracts by which the current process validates once it has read its messages. */
  let sent = options.registry();

  const launch = async (): Promise<ListenAddress> => {
    const [startedAt, startedWith] = [performance.now(), options.registry()];
    const gate = forkGate({ ...settings(), number }, options);
    sent = startedWith;
    current = gate;
    const address = await gate.ready;
    const { processId } = gate;
    signals.note({ gateProcess: number, processId }, 'a gate process serves');
    gate.ended
      .then((how) => {
        desk.ended(number);
        if (stopping.signal.aborted) return undefined;
        if (performance.now() - startedAt > healthyLifeMs) endsInARow = 0;
        signals.trouble(name, new Error(`process ${processId} ended by itself (${how}); replaced`));
        return replace();
      })
      .catch((error: unknown) => signals.trouble(name, error));
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

  const start = async (): Promise<ListenAddress> => {
    try {
      return await launch();
    } catch (error) {
      // Ctrl-C reached the gate process before it ignored signals. This process decides when to
      // stop.
      if (!stopping.signal.aborted && interrupted(await current?.ended)) return start();
      throw error;
    }
  };

  return {
    start,
    running: () => current?.serves() === true,
    storeFailure: () => (current?.serves() === true ? current.storeFailure() : undefined),
    follow: (registry) => {
      if (registry === sent) return;
      current?.follow(withoutValidators({ ...registry, events: changedEvents(sent, registry) }));
      sent = registry;
    },
    useCredentials: (credentials) => current?.useCredentials(credentials),
    followKeys: (changes) => current?.followKeys(changes),
    limit: (order) => current?.limit(order),
    stop: async (graceMs) => {
      stopping.abort();
      await current?.stop(graceMs);
    },
  };
}

function interrupted(how: string | undefined): boolean {
  return how === 'SIGINT' || how === 'SIGTERM';
}
