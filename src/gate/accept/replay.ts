import type { Config } from '../../config/config.ts';
import { ServiceError } from '../../errors.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject } from '../../event/json/json.ts';
import type { Verdict } from '../../event/verdict.ts';
import type { Signals } from '../../observability/signals.ts';
import { acceptedVerdicts, createAcceptEvents, type AcceptOptions } from './accept-events.ts';
import { createAdmission } from '../intake/admission.ts';
import { decodeOriginal, eventText, type Original } from '../decode/decode-original.ts';
import { decodeTrackRest } from '../decode/decode-json.ts';
import { editedText, type MemberEdit } from './edit-event.ts';

/** An event that was rejected, and what is known of the request it came with. */
export interface KeptEvent extends Original {
  readonly source: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly receivedAtMs: number;
  /** What its request gave to each of its events. */
  readonly batchContext: JsonObject | undefined;
  /** RFC 3339; empty when there was none. */
  readonly sentAt: string;
}

/** The way back in for events that were rejected. */
export interface ReplayEndpoint {
  /** As POST /v1/track takes it, as far as it can be read; as it was sent where it can not. */
  textOf(kept: KeptEvent): string;
  /**
   * The event as it is to be validated. `replacement` is the text of another in its place. Throws a
   * ServiceError `invalid_edit`.
   */
  read(kept: KeptEvent, edits: readonly MemberEdit[], replacement: string): IncomingEvent;
  /** The one path behind every door, from the validating on. */
  accept(event: IncomingEvent, kept: KeptEvent, validateOnly: boolean): Promise<Verdict>;
  close(): void;
}

/** How many replays are under way at once, and how long one waits for the others. */
const inFlightEventsMax = 2_000;
const admissionWaitMs = 10_000;

/**
 * Like every other door it ends in `accept-events.ts`: same envelope, same schemas, same limits. What
 * it leaves out is the write key, which is the producer's; the source is the one the event was
 * rejected under, and that source's keys still say which events it may send.
 */
export function openReplayEndpoint(
  config: Config,
  signals: Signals,
  handed: Pick<AcceptOptions, 'validate' | 'arrivalHeaders' | 'store' | 'readStored'>,
): ReplayEndpoint {
  const admission = createAdmission({ inFlightEventsMax, waitMs: admissionWaitMs });
  const accept = createAcceptEvents({
    ...handed,
    // It is kept already: the caller notes the new reason beside it.
    reject: (_event, callback) => callback(undefined),
    redactRejected: () => undefined,
    admission,
    signals,
    eventBytesMax: config.limits.eventBytesMax,
  });
  const maySend = createMaySend(config);
  return {
    textOf: eventText,
    read: (kept, edits, replacement) => {
      if (edits.length === 0 && replacement === '') return decodeOriginal(kept);
      const text = editedText(replacement === '' ? eventText(kept) : replacement, edits);
      try {
        return decodeTrackRest(Buffer.from(text));
      } catch (cause) {
        if (cause instanceof ServiceError)
          throw new ServiceError('invalid_edit', cause.message, { cause });
        throw cause;
      }
    },
    accept: async (event, kept, validateOnly) => {
      const { source, correlationId, traceparent, batchContext, sentAt } = kept;
      // Without the producer's clock its time would be the replay's, which may be days late.
      const occurredAt = event.occurredAt || new Date(kept.receivedAtMs).toISOString();
      const batch = {
        events: [{ ...event, occurredAt }],
        context: batchContext,
        sentAt,
        validateOnly,
      };
      const producer = { source, maySend: maySend(source), isCanary: false };
      const { door, contentType } = kept;
      const trace = { traceparent, tracestate: '' };
      const arrival = { producer, correlationId, ...trace, door, contentType };
      const [verdict] = await acceptedVerdicts(accept, batch, arrival);
      return verdict!;
    },
    close: admission.close,
  };
}

/** What any write key of a source may send. A source whose keys are all gone was known once. */
function createMaySend(config: Config): (source: string) => (eventName: string) => boolean {
  const anything = (): boolean => true;
  if (config.auth === 'off') return () => anything;
  const matchers = new Map<string, ((eventName: string) => boolean)[]>();
  for (const { source, events } of config.keys) {
    matchers.set(source, [...(matchers.get(source) ?? []), compileEventGlobs(events)]);
  }
  return (source) => {
    const each = matchers.get(source);
    return each === undefined ? anything : (name) => each.some((matches) => matches(name));
  };
}
