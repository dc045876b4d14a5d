import type { JsonObject } from '../../event/json/json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import { segmentCallOf } from '../segment/segment-call.ts';
import { present } from '../vendors/sent-call.ts';

/** A call as RudderStack takes it: Segment's, with the times that its SDKs send. `time` is RFC 3339. */
export function rudderstackCallOf(event: StoredEvent, time: string): JsonObject {
  return { ...timesOf(event), ...segmentCallOf(event, time) };
}

/** As the producer sent them. A call that had another `originalTimestamp` has it among its members. */
function timesOf({ occurredAt, sentAt }: StoredEvent): JsonObject {
  return present({ originalTimestamp: occurredAt, sentAt });
}
