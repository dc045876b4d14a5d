import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject } from '../../event/json/json.ts';

/** What one request carries, decoded, from whatever door it came by. */
export interface IncomingBatch {
  readonly events: readonly IncomingEvent[];
  /** Merged under each event's own context. */
  readonly context: JsonObject | undefined;
  /** RFC 3339; empty when the producer sent none. */
  readonly sentAt: string;
  readonly validateOnly: boolean;
  /** What some protocols have in the body, and ours in headers; empty where it was not there. */
  readonly inBody?: { readonly writeKey: string; readonly traceparent: string };
}
