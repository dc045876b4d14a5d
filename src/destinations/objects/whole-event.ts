import { readEventTime } from '../../event/stored-event.ts';
import type { Delivery } from '../destination.ts';
import { wholeMark } from '../parquet/whole-row.ts';
import { readEvent } from '../readable-event.ts';

const open = Buffer.from(',"properties":');
const close = Buffer.from('}');

/**
 * The delivery as a spool of rows keeps it whole: its payload, byte for byte, in the place of the
 * properties, beside what the spool itself reads. So an archive has fields that the rows have no column for.
 */
export function wholeEvent(delivery: Delivery): Delivery {
  const event = readEvent(delivery);
  // The spool refuses it, and says why.
  if (typeof event === 'string') return delivery;
  const { eventId, eventName, source, timestamp, idempotencyKey } = event;
  const eventTime = readEventTime(event);
  const times = { timestamp, eventTime };
  const own = { eventId, eventName, source, ...times, idempotencyKey, traceparent: wholeMark };
  const head = Buffer.from(JSON.stringify(own).slice(0, -1));
  return { ...delivery, payload: Buffer.concat([head, open, delivery.payload, close]) };
}
