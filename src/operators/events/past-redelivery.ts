import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import type { EventFilter } from '../../event/event-filter.ts';
import { compileRanges } from '../../jetstream/events/event-ranges.ts';
import type { StoredMessage } from '../../jetstream/read/read.ts';
import type { RedeliveryJob } from '../../redelivery/job.ts';
import { compileSelection } from '../../redelivery/selection.ts';

/**
 * Returns the redelivery of an event by `job`, the newest of its destination; undefined if it has not sent
 * the event, or if that is not known. The copy of an event is deleted once it is delivered, so that only the
 * selection says what was sent.
 */
export function compilePastRedelivery(job: RedeliveryJob | undefined, filter: EventFilter) {
  if (job === undefined || job.selection.missing || job.wasOfPerson === true)
    return () => undefined;
  const { id, selection, ranges, rest, startedAtMs, endedAtMs } = job;
  const isSelected = compileSelection({ destination: { filter }, selection });
  const [isInRanges, isLeft] = [compileRanges(ranges), compileRanges(rest)];
  return (message: StoredMessage) => {
    const { sequence } = message;
    if (!isInRanges(sequence) || isLeft(sequence) || !isSelected(message)) return undefined;
    return {
      id,
      startedAt: timestampFromMs(startedAtMs),
      ...(endedAtMs > 0 && { endedAt: timestampFromMs(endedAtMs) }),
    };
  };
}
