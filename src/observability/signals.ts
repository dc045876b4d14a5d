import { canaryName } from '../event/canary.ts';
import type { Verdict } from '../event/verdict.ts';
import { createCallerSignals, createSourceLimitSignals } from './caller-signals.ts';
import { createCanarySignals } from './canary-metrics.ts';
import { createDeliverySignals, createRedeliverySignals } from './delivery-signals.ts';
import { createNatsIntakeSignals } from './intake/nats-intake.ts';
import { createLineSampler } from './line-sampler.ts';
import { syncModes, type SyncMode } from './gauges.ts';
import type { Logger } from './logger.ts';
import { otherLabel, type Metrics } from './metrics.ts';
import { createReloadSignals } from './reload-metrics.ts';
import { createRequestSignals } from './request-signals.ts';
import { createVerdictCounters } from './verdict-counters.ts';

/** The limit per kind of line: enough to see what happens, few enough to read. */
const linesPerSecondMax = 20;

/** The notice to operators while `enforcement` is `warn`. */
export const suspendedText =
  'enforcement is warn: no event is refused for its contract; violations are stored as warnings';

/** The notice to operators while the gate has no contracts. */
export const observingText =
  'observe mode: there are no contracts, and well-formed events of any name are stored';

/** Lost events, by positions in EVENTS, and when the events around them were stored (Unix, ms). */
interface MissingEvents {
  readonly from: number;
  readonly to: number;
  readonly afterMs: number | undefined;
  readonly beforeMs: number | undefined;
}

const timeText = (timeMs: number | undefined): string | undefined =>
  timeMs === undefined ? undefined : new Date(timeMs).toISOString();

/**
 * Everything that Headgate reports about itself: one function per fact, with its metric and line.
 */
export type Signals = ReturnType<typeof createSignals>;

export function createSignals(metrics: Metrics, logger: Logger) {
  const verdicts = createVerdictCounters(metrics);
  const publishDuration = metrics.publishDuration.series();
  const sampler = createLineSampler({
    linesPerSecondMax,
    onLeftOut: (kind, leftOut) => logger.warn({ kind, leftOut }, 'log lines left out'),
  });
  return {
    /** Called for every event on the hot path: writes no log line and allocates nothing. */
    eventValidated: (source: string, eventName: string, verdict: Verdict): void => {
      // Heartbeats are not events of a source.
      if (source !== canaryName) verdicts(source, eventName, verdict);
    },
    ...createEnforcementSignals(metrics, logger),
    eventPublished: (seconds: number): void => publishDuration.observe(seconds),
    ...createRequestSignals(metrics, logger, sampler),
    ...createCallerSignals(metrics, logger),
    ...createSourceLimitSignals(metrics, logger),
    rejectedEventNotKept: (correlationId: string, reason: string): void => {
      if (!sampler.admit('rejected event not kept')) return;
      logger.error(
        { correlationId, reason },
        'a rejected event could not be stored; answered with retry',
      );
    },
    ...createDeliverySignals(metrics, logger, sampler),
    ...createRedeliverySignals(metrics, logger),
    ...createRegistrySignals(metrics, logger),
    ...createKeySignals(metrics, logger),
    ...createSizeSignals(metrics),
    ...createRoomSignals(metrics, logger),
    /** By positions in EVENTS. */
    eventsMissing: (range: MissingEvents): void =>
      logger.error(
        {
          from: range.from,
          to: range.to,
          events: range.to - range.from + 1,
          storedAfter: timeText(range.afterMs),
          storedBefore: timeText(range.beforeMs),
        },
        'the log has lost accepted events: see docs/runbooks/events-missing.md',
      ),
    missingEvents: (events: number): void => {
      metrics.gauges.missingEvents = events;
    },
    ...createCanarySignals(metrics.canary, logger),
    ...createReloadSignals(metrics.reload, logger),
    ...createNatsIntakeSignals(metrics.natsIntake, logger),
    ...createLogServerSignals(metrics.gauges.logServers, logger),
    connectionChanged: (connection: string, status: string): void =>
      logger.warn({ connection, status }, 'NATS connection'),
    serverRestarted: (reason: string): void =>
      logger.error({ reason }, 'nats-server is started again'),
    /** Background work failed and is tried again. */
    trouble: (where: string, error: unknown): void => {
      // Without their numbers, lines about different events are of one kind.
      if (!sampler.admit(where.replaceAll(/\d+/g, '#'))) return;
      logger.error(
        { where, err: error instanceof Error ? error : new Error(String(error)) },
        where,
      );
    },
    warning: (fields: Record<string, unknown>, text: string): void => logger.warn(fields, text),
    /** A promise was rejected and nothing awaited it: a fault of Headgate or of a library. */
    rejectionUnhandled: (reason: unknown): void => {
      metrics.unhandledRejections.series().value += 1;
      const error = reason instanceof Error ? reason : new Error(String(reason));
      logger.error({ err: error }, 'a failure that no code handled: report it');
    },
    note: (fields: Record<string, unknown>, text: string): void => logger.info(fields, text),
  };
}

function createEnforcementSignals({ gauges }: Metrics, logger: Logger) {
  return {
    /** Called once at the start, to remind of contracts that are not enforced. */
    enforcementSet: (suspended: boolean): void => {
      gauges.enforcementSuspended = suspended ? 1 : 0;
      if (suspended) logger.warn({ enforcement: 'warn' }, suspendedText);
    },
    /** Called at the start, and when the contracts have changed. */
    observingSet: (observing: boolean): void => {
      const value = observing ? 1 : 0;
      if (value === gauges.observing) return;
      gauges.observing = value;
      if (observing) logger.warn(observingText);
      else logger.info('observe mode has ended: there are contracts');
    },
  };
}

function createSizeSignals({ gauges, knownSources }: Metrics) {
  return {
    streamSize: (stream: string, bytes: number, bytesMax: number): void => {
      gauges.streamBytes.set(stream, bytes);
      gauges.streamBytesMax.set(stream, bytesMax);
    },
    quarantineSizes: (
      sizes: ReadonlyMap<string, { readonly bytes: number; readonly bytesMax: number }>,
    ): void => {
      const { quarantineBytes, quarantineBytesMax } = gauges;
      for (const source of knownSources) quarantineBytes.set(source, 0);
      const fullestLast = [...sizes].sort(
        ([, a], [, b]) => a.bytes / a.bytesMax - b.bytes / b.bytesMax,
      );
      for (const [source, { bytes, bytesMax }] of fullestLast) {
        const label = knownSources.has(source) ? source : otherLabel;
        quarantineBytes.set(label, bytes);
        quarantineBytesMax.set(label, bytesMax);
      }
    },
  };
}

/** The log is nearly full, and nothing can be deleted. */
interface LogStuck {
  /** Between 0 and 1. */
  readonly full: number;
  /** What holds the oldest event. Undefined: all are too young. */
  readonly destination: string | undefined;
  readonly isUnconfirmed?: boolean;
  readonly isAsideFull?: boolean;
}

/** The signals about the room in EVENTS. */
function createRoomSignals({ gauges }: Metrics, logger: Logger) {
  return {
    /** Bytes of EVENTS that cannot be deleted to make room; also by what a consumer holds. */
    eventsHeld: (held: { bytes: number; byConsumer: ReadonlyMap<string, number> }): void => {
      gauges.streamHeldBytes.set('EVENTS', held.bytes);
      for (const name of gauges.destinationHeldBytes.keys()) {
        gauges.destinationHeldBytes.set(name, 0);
      }
      for (const [name, bytes] of held.byConsumer) gauges.destinationHeldBytes.set(name, bytes);
    },
    logStuck: ({ full, destination, isUnconfirmed, isAsideFull }: LogStuck): void => {
      const percent = Math.floor(full * 100);
      if (isUnconfirmed) {
        logger.warn(
          { percent, destination },
          'the log is nearly full of events that wait to be confirmed at a destination: it may refuse events until they are',
        );
        return;
      }
      if (isAsideFull) {
        logger.warn(
          { percent, destination },
          'the log is nearly full of events that a destination has not taken, and the stream ASIDE is full, too: it will refuse events. See docs/runbooks/store-filling.md',
        );
        return;
      }
      if (destination === undefined) {
        logger.warn(
          { percent },
          'the log is nearly full, and all its events are younger than log.retention_min: it will refuse events. Raise log.storage_bytes_max, or lower log.retention_min',
        );
        return;
      }
      logger.warn(
        { percent, destination },
        'the log is nearly full of events that a destination has not taken: it will refuse events. See docs/runbooks/store-filling.md',
      );
    },
    eventsMovedAside: (destination: string): void =>
      logger.warn(
        { destination },
        'the log is nearly full: events that a destination has not taken are moved to the stream ASIDE, and delivered from there. See docs/operate/room.md',
      ),
    retentionReached: (ageMs: number): void => {
      gauges.retentionReachedMs = ageMs;
    },
  };
}

/** The signals about contracts that are kept in the log. */
function createRegistrySignals(metrics: Metrics, logger: Logger) {
  return {
    registryFollowed: (revision: number, badEntries: number): void => {
      Object.assign(metrics.gauges.contracts, { revision, badEntries, followedAtMs: Date.now() });
    },
    /** An entry of the registry is invalid; the previous one stays in force. */
    registryFault: (fault: string): void =>
      logger.error({ fault }, 'an entry of the schema registry is not in force'),
    registryChanged: (revision: number, eventNames: readonly string[]): void => {
      metrics.addEventNames(eventNames);
      logger.info({ revision, events: eventNames.length }, 'the contracts have changed');
    },
    registryAway: (error: unknown): void =>
      logger.warn(
        { err: error },
        'the schema registry cannot be read; the contracts stay as they are',
      ),
    /** Of a relay, which has the contracts of the gate that it forwards to. */
    gateContractsAway: (error: unknown): void =>
      logger.warn(
        { err: error },
        'the contracts of the gate cannot be read; the last known ones stay in force',
      ),
  };
}

/** The signals about write keys that are kept in the log. They are named by their ids. */
function createKeySignals(metrics: Metrics, logger: Logger) {
  return {
    keysFollowed: (): void => {
      metrics.gauges.keysFollowedAtMs = Date.now();
    },
    /** Keys were created, or have changed. `inForce` is the number of all that are not revoked. */
    keysChanged: (
      changed: readonly string[],
      sources: readonly string[],
      inForce: number,
    ): void => {
      metrics.addSources(sources);
      // After a start all of them have changed.
      const ids = changed.slice(0, keysNamedMax);
      logger.info({ changed: changed.length, ids, inForce }, 'the write keys have changed');
    },
    keyUnreadable: (id: string): void =>
      logger.error({ id }, 'the entry of a write key cannot be read: the key is refused'),
    keysAway: (error: unknown): void =>
      logger.warn({ err: error }, 'the write keys cannot be read; they stay as they are'),
    /** No caller can send anything. */
    keysMissing: (): void =>
      logger.warn(
        'auth is keys, and no write key exists: every request will be refused. Create one with headgate keys create',
      ),
  };
}

/** How many keys a line names. */
const keysNamedMax = 10;

export interface LogServerFigures {
  readonly name: string;
  readonly sync: SyncMode;
  /** How often a `lazy` server syncs, in ms. */
  readonly intervalMs: number | undefined;
}

/** The signals about the servers that hold the log. */
function createLogServerSignals(servers: Map<string, number>, logger: Logger) {
  let reported = '';
  return {
    /** The servers of a cluster have said, or not, when they sync. Logs only what has changed. */
    logServersChecked: (found: readonly LogServerFigures[]): void => {
      for (const mode of syncModes) {
        servers.set(mode, found.filter(({ sync }) => sync === mode).length);
      }
      const text = JSON.stringify(found);
      if (text === reported) return;
      reported = text;
      const namesOf = (mode: SyncMode): string[] =>
        found.filter(({ sync }) => sync === mode).map(({ name }) => name);
      const [lazy, unknown] = [namesOf('lazy'), namesOf('unknown')];
      if (lazy.length > 0) {
        const seconds = (found.find(({ sync }) => sync === 'lazy')!.intervalMs ?? 0) / 1_000;
        logger.warn(
          { servers: lazy, syncIntervalSeconds: seconds },
          'NATS acknowledges events before it syncs them: a power cut of one server can lose acknowledged events. Set sync_interval: always in the jetstream block of these servers',
        );
      }
      if (unknown.length > 0) {
        logger.warn(
          { servers: unknown },
          'it is not known whether NATS syncs events before it acknowledges them: name the monitoring ports of these servers in nats.monitor_url, and set sync_interval: always',
        );
      }
    },
    /** A fault of the running nats-server that concerns this set-up. Called at the start. */
    serverFaultKnown: (version: string, fault: { text: string; fixedIn: string; link: string }) =>
      logger.warn(
        { version, fixedIn: fault.fixedIn, link: fault.link },
        `nats-server ${version} has a known fault: ${fault.text}`,
      ),
  };
}
