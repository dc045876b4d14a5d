import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import { EventLogService } from '../../../../gen/headgate/v1/event_log_service_pb.ts';
import { RejectedService } from '../../../../gen/headgate/v1/rejected_service_pb.ts';
import type { SeenTraffic } from '../../../inference/traffic.ts';
import { connectAdmin, type AdminOptions } from '../../admin-client.ts';
import { pagesAhead } from '../../admin-port/pages-ahead.ts';
import type { CommandContext } from '../../command-context.ts';
import { filterMessage } from '../../rejected/filter.ts';
import type { WalkProgressBar } from '../../terminal/walk-progress.ts';
import { readEventText } from '../../../operators/contracts/read-events.ts';

/** Which events of a gate are read. Times are Unix times in ms. */
export interface GateRange extends AdminOptions {
  readonly since: number;
  readonly until?: number;
  readonly source?: string;
  readonly event?: string;
}

const pageSize = 500;

/** Adds the stored events of a running gate, unplanned ones included, page by page. */
export async function walkStored(
  range: GateRange,
  env: CommandContext['env'],
  traffic: SeenTraffic,
  progress: WalkProgressBar,
): Promise<void> {
  const client = connectAdmin(EventLogService, range, env);
  const { source = '', since, until, event: eventName = '' } = range;
  const time = {
    since: timestampFromMs(since),
    ...(until !== undefined && { until: timestampFromMs(until) }),
  };
  const anyName = eventName === '';
  const pages = pagesAhead((pageToken) =>
    client.call((service) =>
      service.readEvents({ eventName, anyName, source, ...time, pageSize, pageToken }),
    ),
  );
  for await (const page of pages) {
    for (const { storedJson } of page.events) {
      const event = readEventText(Buffer.from(storedJson).toString('utf8'));
      if (event !== undefined) traffic.add(event, 'stored');
    }
    progress.reached(page.walk, tally(traffic));
  }
}

/** Adds the rejected events of a running gate. Returns how many could not be read as events. */
export async function walkRejected(
  range: GateRange,
  env: CommandContext['env'],
  traffic: SeenTraffic,
  progress: WalkProgressBar,
): Promise<number> {
  const client = connectAdmin(RejectedService, range, env);
  const filter = filterMessage(range);
  let unreadable = 0;
  const pages = pagesAhead((pageToken) =>
    client.call((service) =>
      service.listRejected({ filter, pageSize, pageToken, withEvents: true }),
    ),
  );
  for await (const page of pages) {
    for (const { eventJson, source } of page.rejected) {
      const event = readEventText(eventJson);
      if (event === undefined) unreadable += 1;
      else traffic.add({ ...event, source }, 'rejected');
    }
    progress.reached(page.walk, tally(traffic));
  }
  return unreadable;
}

export function tally(traffic: SeenTraffic): string {
  return `${traffic.added.toLocaleString('en')} events`;
}
