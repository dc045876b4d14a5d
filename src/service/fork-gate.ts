import type { ChildProcess } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';

import type { ListenAddress } from '../config/config.ts';
import { StartError } from '../errors.ts';
import type { GateCredentials } from '../gate/gate.ts';
import type { RunTimeKeyChange } from '../gate/intake/keys/key-ring.ts';
import type { LeaseOrder, LeaseReport } from '../gate/limits/leases.ts';
import type { MetricDeltas } from '../observability/metric-deltas.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';
import type { GateOrder, GateReport, GateSettings } from './gate-process.ts';

/** A connection to NATS may take 5 s, and compiling thousands of schemas another 5 s. */
const startTimeoutMs = 60_000;
/** How long the last reports of a process that has exited may take to be read. */
const lastReportsMs = 2_000;

/** One gate process, from its start to its end. */
export interface ForkedGate {
  readonly processId: number | undefined;
  readonly ready: Promise<ListenAddress>;
  /** Resolves to the signal or the exit code after all reports of the process are read. */
  readonly ended: Promise<string>;
  readonly serves: () => boolean;
  /** Why the process can store no event just now; undefined if it can. */
  readonly storeFailure: () => string | undefined;
  /** Sends the changed events to the process. */
  follow(changed: SchemaRegistry): void;
  useCredentials(credentials: GateCredentials): void;
  followKeys(changes: readonly RunTimeKeyChange[]): void;
  /** Passes on an order about limits. */
  limit(order: LeaseOrder): void;
  stop(graceMs: number): Promise<void>;
}

/** What a gate process reports while it runs. */
export interface GateReports {
  readonly onCounted: (deltas: MetricDeltas) => void;
  readonly onUsedKeys: (ids: readonly string[]) => void;
  readonly onLimit: (report: LeaseReport) => void;
}

/** Forks a gate process and sends it its settings. */
export function forkGate(
  settings: GateSettings,
  { onCounted, onUsedKeys, onLimit }: GateReports,
): ForkedGate {
  const child = cluster.fork();
  const closeUnconfirmed = followPassed(child.process);
  const kill = (): void => void child.process.kill('SIGKILL');
  const order = (message: GateOrder): void => {
    // If the process has exited, its exit event reports it.
    if (child.isConnected()) child.send(message, () => {});
  };
  let serves = false;
  let fault: string | undefined;
  let storeFailure: string | undefined;
  const ready = Promise.withResolvers<ListenAddress>();
  const timer = setTimeout(() => {
    fault = `A gate process did not start within ${startTimeoutMs / 1000} s.`;
    kill();
  }, startTimeoutMs);
  child.on('message', (report: GateReport) => {
    if (report.kind === 'counted') onCounted(report.deltas);
    else if (report.kind === 'used') onUsedKeys(report.keys);
    else if (report.kind === 'storing') storeFailure = report.failure;
    else if (report.kind === 'ready') {
      serves = true;
      clearTimeout(timer);
      ready.resolve(report.address);
    } else if (report.kind === 'limit asked' || report.kind === 'limit returned') {
      onLimit(report);
    } else if (report.kind === 'failed') {
      // Not whatever else arrives: with --watch, Node sends the files that the process has imported.
      fault = report.text;
      kill();
    }
  });
  const ended = endOf(child).then((how) => {
    serves = false;
    closeUnconfirmed();
    clearTimeout(timer);
    ready.reject(new StartError(fault ?? `A gate process ended during its start (${how}).`));
    return how;
  });
  order({ kind: 'start', settings });
  return {
    processId: child.process.pid,
    ready: ready.promise,
    ended,
    serves: () => serves,
    storeFailure: () => storeFailure,
    follow: (changed) => order({ kind: 'follow', changed }),
    useCredentials: (credentials) => order({ kind: 'credentials', credentials }),
    followKeys: (changes) => order({ kind: 'keys', changes }),
    limit: order,
    stop: async (graceMs) => {
      if (serves && graceMs > 0) order({ kind: 'stop' });
      else kill();
      const late = setTimeout(kill, graceMs);
      await ended;
      clearTimeout(late);
    },
  };
}

interface Closable {
  close(): void;
}

/** What node:cluster sends along with a connection, and the confirmation of the process. */
interface ClusterMessage {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

/**
 * Follows the connections that node:cluster passes to a process. The returned function closes those that the
 * process has not confirmed, once it has ended. node:cluster keeps its own copy of a connection until it is
 * confirmed: without this, a process that is killed before that leaves the connection open in the first process
 * for good, where no code reads it, and its caller waits for an answer that never comes.
 */
export function followPassed(child: ChildProcess): () => void {
  const passed = new Map<number, Closable>();
  const send = child.send.bind(child) as (message: ClusterMessage, ...rest: unknown[]) => boolean;
  child.send = (message: ClusterMessage, ...rest: unknown[]): boolean => {
    const [handle] = rest as [Closable | undefined];
    if (message.act === 'newconn' && message.seq !== undefined && handle !== undefined) {
      passed.set(message.seq, handle);
    }
    return send(message, ...rest);
  };
  child.on('internalMessage', ({ ack }: ClusterMessage) => {
    if (ack !== undefined) passed.delete(ack);
  });
  return () => {
    for (const handle of passed.values()) handle.close();
    passed.clear();
  };
}

/**
 * Waits for exit and disconnect: the last reports may be read after the exit event. But not without a limit:
 * Node sends no disconnect event for a process that is killed before it has confirmed a connection.
 */
export function endOf(child: Worker, limitMs = lastReportsMs): Promise<string> {
  return new Promise((resolve) => {
    let how: string | undefined;
    const settle = (): void => {
      if (how !== undefined && !child.isConnected()) resolve(how);
    };
    child.once('exit', (code, signal) => {
      const ended = signal ?? `code ${code}`;
      how = ended;
      settle();
      setTimeout(() => resolve(ended), limitMs).unref();
    });
    child.once('disconnect', () => setImmediate(settle));
    child.on('error', (error) => {
      // The process never ran, so no exit event follows.
      if (child.process.pid === undefined) resolve(error.message);
    });
  });
}
