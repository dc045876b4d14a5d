import { toJson } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';

import {
  LocatedEventSchema,
  type EventService,
  type LocatedEvent,
} from '../../../gen/headgate/v1/event_service_pb.ts';
import type { AdminClient } from '../admin-client.ts';
import { oneLine, print } from '../terminal/print.ts';
import { createTable } from '../terminal/table.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';
import { traceText } from './report.ts';
import { warehouseQuery } from './warehouse-query.ts';

/** The events of a person, or with a property. */
export type Listed = { readonly user: string } | { readonly property: string };

export interface ListedOptions {
  /** Unix times in ms. */
  readonly since?: number;
  readonly until?: number;
  readonly source?: string;
  readonly event?: string;
  readonly json?: true;
}

/**
 * Prints every event that matches, page by page, so that neither the gate nor this command holds more
 * than a page. A few with a property are printed with what became of them. Sets exit code 1 if nothing is found.
 */
export async function traceListed(
  client: AdminClient<typeof EventService>,
  listed: Listed,
  options: ListedOptions,
): Promise<void> {
  const { since, until, source = '', event: eventName = '' } = options;
  const progress = createWalkProgressBar(process.stderr);
  const printer = createPrinter('property' in listed, options.json === true);
  let [found, compared, pageToken] = [0, 0n, ''];
  let searchedFrom: Timestamp | undefined =
    since === undefined ? undefined : timestampFromMs(since);
  try {
    do {
      const page = await client.call((service) =>
        service.locate({
          ...listed,
          source,
          eventName,
          ...(searchedFrom !== undefined && { since: searchedFrom }),
          ...(until !== undefined && { until: timestampFromMs(until) }),
          pageToken,
        }),
      );
      searchedFrom ??= page.searchedFrom;
      found += page.events.length;
      compared += page.compared;
      if (page.events.length > 0) progress.pause();
      for (const event of page.events) printer.add(event);
      printer.endPage();
      progress.reached(page.walk, `${found.toLocaleString('en')} found`);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  } finally {
    progress.stop();
  }
  printer.end();
  if (found > 0) return;
  process.exitCode = 1;
  process.stderr.write(`headgate: ${notFound(listed, timeOf(searchedFrom), compared)}\n`);
}

function notFound(listed: Listed, since: string, compared: bigint): string {
  if ('user' in listed) return `No event since ${since} is of this person. Earlier ones: --since.`;
  return (
    `None of the ${compared.toLocaleString('en')} events since ${since} has this property. Earlier ones: ` +
    `--since. Those that the log has deleted: ask a warehouse, such as ${warehouseQuery(listed.property)} ` +
    'for SQLite. If it is in none, ask the producer which answer it got.'
  );
}

/** As many as the service looks up at destinations. */
const tracedMax = 5;
const tableRowsMax = 1_000;
const headings = ['received', 'verdict', 'source', 'event', 'id'];

function createPrinter(tracesFew: boolean, asJson: boolean) {
  let table = createTable(headings);
  let shown = 0;
  let few: LocatedEvent[] | undefined = tracesFew ? [] : undefined;
  const addRow = (event: LocatedEvent): void => {
    table.row(rowOf(event));
    shown += 1;
  };
  return {
    add: (event: LocatedEvent): void => {
      if (asJson) print(JSON.stringify(toJson(LocatedEventSchema, event)));
      else if (few === undefined) addRow(event);
      else few.push(event);
    },
    endPage: (): void => {
      if (few !== undefined && few.length > tracedMax) {
        for (const event of few) addRow(event);
        few = undefined;
      }
      // A terminal shows a table once it is whole: not all rows of a busy person at once.
      if (!process.stdout.isTTY || shown < tableRowsMax) return;
      table.end();
      table = createTable(headings);
      shown = 0;
    },
    end: (): void => {
      if (few === undefined) table.end();
      else for (const event of few) print(traceText(event, Date.now()));
    },
  };
}

/** The id is what `trace`, `rejected show` and `dead show` take. */
function rowOf({ place }: LocatedEvent): string[] {
  if (place.case === 'stored') {
    const { receivedAt, source, eventName, eventId } = place.value;
    return [timeOf(receivedAt), 'accepted', source, eventName, eventId];
  }
  if (place.case === 'deadLetter') {
    const { id, event } = place.value;
    const { timestamp, source = '', eventName = '' } = event ?? {};
    return [timeOf(timestamp), 'dead letter', source, oneLine(eventName), `dead ${id}`];
  }
  if (place.case !== 'rejected') return [];
  const { receivedAt, source, eventName, sequence, error } = place.value;
  return [timeOf(receivedAt), error?.code ?? 'rejected', source, eventName, `rejected ${sequence}`];
}

function timeOf(time: Timestamp | undefined): string {
  return time === undefined ? '' : timestampDate(time).toISOString();
}
