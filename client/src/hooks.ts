import type { RequestReport } from './send/sender-signals.ts';
import type { DropReason } from './spool/spool.ts';
import type { Violation } from './transport/transport.ts';

/** An event that will never be accepted, with the reason. */
export interface RejectedEvent {
  readonly eventName: string;
  readonly idempotencyKey: string;
  /** Empty if the gate could not read the event. */
  readonly eventId: string;
  /** One of the gate's error codes, or `refused_before_gate`: a proxy lets others pass, not this. */
  readonly code: string;
  readonly message: string;
  readonly violations: readonly Violation[];
  /** The event as JSON text, as `POST /v1/track` accepts it: fix it and send it again. */
  readonly original: string;
}

export interface DroppedEvents {
  readonly count: number;
  /**
   * `spool_full`: no room. `damaged`: lost on the disk. `missing`: stored, and their file of the
   * spool is gone. `closed`: not stored or sent at close().
   */
  readonly reason: DropReason;
  readonly message: string;
}

/**
 * What the client reports. It calls hooks synchronously during its work, so do little in them and
 * do not throw. If you do not set a hook, its report becomes a process warning, at most one of each
 * kind per minute; `onRequest` and `onRecovered` are then silent.
 */
export interface ClientHooks {
  readonly onRejected?: (event: RejectedEvent) => void;
  /** Events that will not be sent. */
  readonly onDropped?: (dropped: DroppedEvents) => void;
  /**
   * No event gets through, or some wait while others do, or the spool's disk fails. An outage of the
   * gate is reported once, and so are events that wait.
   */
  readonly onTrouble?: (message: string, cause?: unknown) => void;
  /** Events get through again, also those that waited. */
  readonly onRecovered?: () => void;
  /**
   * A segment file has damaged bytes. Its intact events are sent; it is kept under the name `file`.
   */
  readonly onDamaged?: (damage: { file: string; offset: number; bytes: number }) => void;
  /** After every request, for metrics. */
  readonly onRequest?: (report: RequestReport) => void;
}

const quietMs = 60_000;

/** Returns hooks that never throw, with a warning in place of each missing one. */
export function guardHooks(hooks: ClientHooks): Required<ClientHooks> {
  const warnedAtMs = new Map<string, number>();
  const warn = (kind: string, message: string): void => {
    const nowMs = performance.now();
    if (nowMs - (warnedAtMs.get(kind) ?? -Infinity) < quietMs) return;
    warnedAtMs.set(kind, nowMs);
    process.emitWarning(message, 'HeadgateWarning');
  };
  const guard = <Args extends unknown[]>(
    kind: string,
    hook: ((...args: Args) => void) | undefined,
    otherwise: (...args: Args) => void,
  ) => {
    return (...args: Args): void => {
      try {
        (hook ?? otherwise)(...args);
      } catch (error) {
        warn(`${kind} throws`, `The hook ${kind} threw an error: ${String(error)}`);
      }
    };
  };
  return {
    onRejected: guard('onRejected', hooks.onRejected, ({ eventName, code, message }) => {
      warn(`rejected ${code}`, `${eventName} was rejected (${code}): ${message}`);
    }),
    onDropped: guard('onDropped', hooks.onDropped, ({ reason, message }) => {
      warn(`dropped ${reason}`, message);
    }),
    onTrouble: guard('onTrouble', hooks.onTrouble, (message) => warn('trouble', message)),
    onDamaged: guard('onDamaged', hooks.onDamaged, ({ file, offset, bytes }) => {
      warn('damaged', `The spool has ${bytes} damaged bytes at offset ${offset} of ${file}`);
    }),
    onRecovered: guard('onRecovered', hooks.onRecovered, () => {}),
    onRequest: guard('onRequest', hooks.onRequest, () => {}),
  };
}
