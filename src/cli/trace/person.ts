import { toJson } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';

import {
  LocatedEventSchema,
  type EventService,
  type LocatedEvent,
} from '../../../gen/headgate/v1/event_service_pb.ts';
import type { AdminClient } from '../admin-client.ts';
import { print } from '../terminal/print.ts';
import { createTable } from '../terminal/table.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';

export interface PersonOptions {
  /** Unix times in ms. */
  readonly since?: number;
  readonly until?: number;
  readonly source?: string;
  readonly event?: string;
  readonly json?: true;
}

/**
 * Prints every event of a person, page by page, so that neither the gate nor this command holds more
 * than a page. Sets exit code 1 if nothing is found.
 */
export async function tracePerson(
  client: AdminClient<typeof EventService>,
  user: string,
  options: PersonOptions,
): Promise<void> {
  const { since, until, source = '', event: eventName = '', json } = options;
  const progress = createWalkProgressBar(process.stderr);
  let table = createTable(headings);
  let [found, shown, pageToken] = [0, 0, ''];
  let searchedFrom: Timestamp | undefined =
    since === undefined ? undefined : timestampFromMs(since);
  try {
    do {
      const page = await client.call((service) =>
        service.locate({
          user,
          source,
          eventName,
          ...(searchedFrom !== undefined && { since: searchedFrom }),
          ...(until !== undefined && { until: timestampFromMs(until) }),
          pageToken,
        }),
      );
      searchedFrom ??= page.searchedFrom;
      found += page.events.length;
      if (page.events.length > 0) progress.pause();
      for (const event of page.events) {
        if (json) print(JSON.stringify(toJson(LocatedEventSchema, event)));
        else table.row(rowOf(event));
      }
      // A terminal shows a table once it is whole: not all rows of a busy person at once.
      shown += page.events.length;
      if (process.stdout.isTTY && shown >= tableRowsMax) {
        table.end();
        table = createTable(headings);
        shown = 0;
      }
      progress.reached(page.walk, `${found.toLocaleString('en')} found`);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  } finally {
    progress.stop();
  }
  table.end();
  if (found > 0) return;
  process.exitCode = 1;
  process.stderr.write(
    `headgate: No event since ${timeOf(searchedFrom)} is of this person. Earlier ones: --since.\n`,
  );
}

const tableRowsMax = 1_000;
const headings = ['received', 'verdict', 'source', 'event', 'id'];

/** The id is what `trace` and `rejected show` take. */
function rowOf({ place }: LocatedEvent): string[] {
  if (place.case === 'stored') {
    const { receivedAt, source, eventName, eventId } = place.value;
    return [timeOf(receivedAt), 'accepted', source, eventName, eventId];
  }
  if (place.case !== 'rejected') return [];
  const { receivedAt, source, eventName, sequence, error } = place.value;
  return [timeOf(receivedAt), error?.code ?? 'rejected', source, eventName, `rejected ${sequence}`];
}

function timeOf(time: Timestamp | undefined): string {
  return time === undefined ? '' : timestampDate(time).toISOString();
}
