import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject } from '../../event/json/json.ts';

/** What one request carries, decoded, whatever its protocol. */
export interface IncomingBatch {
  readonly events: readonly IncomingEvent[];
  /** Merged under each event's own context, and like it for `JSON.stringify` only. */
  readonly context: JsonObject | undefined;
  /** RFC 3339; empty when the producer sent none. */
  readonly sentAt: string;
  /** The request imports events of the past. Absent: it does not say so. */
  readonly historical?: boolean;
  readonly validateOnly: boolean;
  /** For protocols with these in the body, where ours has headers. Empty where the body has none. */
  readonly inBody?: { readonly writeKey: string; readonly traceparent: string };
}
