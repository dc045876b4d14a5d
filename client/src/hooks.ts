import type { RequestReport } from './send/sender.ts';
import type { DropReason } from './spool/spool.ts';
import type { Violation } from './transport/transport.ts';

/** An event that the gate will never take, with the reason. */
export interface RejectedEvent {
  readonly eventName: string;
  readonly idempotencyKey: string;
  /** Empty where the gate could not even read the event. */
  readonly eventId: string;
  /** A code of the gate's table of errors. */
  readonly code: string;
  readonly message: string;
  readonly violations: readonly Violation[];
  /** The event as JSON text, as `POST /v1/track` takes it: to be mended and sent again. */
  readonly original: string;
}

export interface DroppedEvents {
  readonly count: number;
  /** `spool_full`: no room. `damaged`: lost on the disk. `closed`: in memory when the client closed. */
  readonly reason: DropReason;
  readonly message: string;
}

/**
 * What the client tells. Called at once, in the middle of its work: do little, and throw nothing.
 * Without a hook of yours, all but `onRequest` and `onRecovered` are process warnings, at most one
 * of a kind a minute.
 */
export interface ClientHooks {
  readonly onRejected?: (event: RejectedEvent) => void;
  /** Events that will not be sent. */
  readonly onDropped?: (dropped: DroppedEvents) => void;
  /** Nothing gets through, or the spool's disk fails; told once for each stretch of trouble. */
  readonly onTrouble?: (message: string, cause?: unknown) => void;
  /** Events get through again. */
  readonly onRecovered?: () => void;
  /** A segment file has damaged bytes. What is whole in it is sent; the file is kept as `file`. */
  readonly onDamaged?: (damage: { file: string; offset: number; bytes: number }) => void;
  /** After every request, for metrics. */
  readonly onRequest?: (report: RequestReport) => void;
}

const quietMs = 60_000;

/** The hooks with a warning in the place of each that is missing; none of them throws. */
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
        warn(`${kind} throws`, `The hook ${kind} throws: ${String(error)}`);
      }
    };
  };
  return {
    onRejected: guard('onRejected', hooks.onRejected, ({ eventName, code, message }) => {
      warn(`rejected ${code}`, `The gate rejects ${eventName} (${code}): ${message}`);
    }),
    onDropped: guard('onDropped', hooks.onDropped, ({ reason, message }) => {
      warn(`dropped ${reason}`, message);
    }),
    onTrouble: guard('onTrouble', hooks.onTrouble, (message) => warn('trouble', message)),
    onDamaged: guard('onDamaged', hooks.onDamaged, ({ file, offset, bytes }) => {
      warn('damaged', `The spool has ${bytes} damaged bytes at ${offset} of ${file}`);
    }),
    onRecovered: guard('onRecovered', hooks.onRecovered, () => {}),
    onRequest: guard('onRequest', hooks.onRequest, () => {}),
  };
}
