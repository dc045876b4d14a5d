import { toJson } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';

import {
  EventService,
  LocatedEventSchema,
  type LocatedEvent,
} from '../../../gen/headgate/v1/event_service_pb.ts';
import { timeOfUuid } from '../../locate/search-start.ts';
import { connectAdmin, type AdminClient } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { print } from '../terminal/print.ts';
import { readMoment, readUser } from '../terminal/option-values.ts';
import { traceListed } from './listed.ts';
import { traceText } from './report.ts';
import { createWalkProgressBar, type WalkProgressBar } from '../terminal/walk-progress.ts';
import { adminOption, configOption } from '../shared-options.ts';

interface TraceOptions {
  readonly since?: number;
  readonly until?: number;
  readonly source?: string;
  readonly event?: string;
  readonly user?: string;
  readonly property?: string;
  readonly all?: true;
  readonly admin?: string;
  readonly json?: true;
}

/** `headgate trace`: finds an event and reports its status. */
export function traceCommand({ env }: CommandContext): Command {
  return new Command('trace')
    .description(
      'say where an event is: when it came, its verdict, and what became of it everywhere',
    )
    .argument(
      '[id]',
      "an event_id, an idempotency_key, a correlation_id, or the message id of a vendor's SDK",
    )
    .option('--user <id>', 'list the events of a person: a user_id or an anonymous_id', readUser)
    .option('--property <value>', 'list the events with a property: A-1003, or order_id=A-1003')
    .option('--since <time>', 'arrived since: 24h ago, or 2026-03-01T12:00:00Z', readMoment)
    .option('--until <time>', 'it came before this time', readMoment)
    .option('--source <name>', 'only of this source')
    .option('--event <name>', 'only of this event name')
    .option('--all', 'search to the end, to find every event with the id')
    .addOption(adminOption())
    .addOption(configOption())
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((id: string | undefined, options: TraceOptions, command: Command) => {
      const { user, property } = options;
      if ([id, user, property].filter((one) => one !== undefined).length !== 1) {
        command.error('error: give an id, a person with --user, or a property with --property');
      }
      if (id !== undefined) return trace(id, options, env);
      const listed = user === undefined ? { property: property! } : { user };
      return traceListed(connectAdmin(EventService, options, env), listed, options);
    });
}

const help = `
An id that is a UUID of version 7 says when it was made, and is found at once. Others are searched for
from a day ago on, or from --since: --source and --event make that faster. Rejected events are found
too. Only reads: deliveries are not affected.

With --user, every event of the person is listed, accepted or rejected, without what became of it:
trace one of the ids for that. A day is searched, or from --since on.

With --property, the events are found by a value in their properties or context, whatever the property is
called, or with name=value. Up to five are shown with what became of them.

Exit code: 0 when it was found, 1 when it was not.

Examples:
  $ headgate trace 0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11
  $ headgate trace 1d28405d-9185-5e83-b767-44d17a84e516 --since 7d --event order_completed
  $ headgate trace --user u-4711 --since 7d
  $ headgate trace --property order_id=A-1003`;

async function trace(id: string, options: TraceOptions, env: CommandContext['env']): Promise<void> {
  const client = connectAdmin(EventService, options, env);
  const progress = createWalkProgressBar(process.stderr);
  const found: LocatedEvent[] = [];
  let searched: Searched;
  try {
    searched = await search(client, { id, ...options }, found, progress);
    if (found.length === 0 && options.since === undefined && timeOfUuid(id) !== undefined) {
      // If the producer's clock is ahead, the event arrived before the time in its id.
      const { fromMs: until } = searched;
      searched = await search(
        client,
        { id, ...options, until, since: until - skewMsMax },
        found,
        progress,
      );
    }
  } finally {
    progress.stop();
  }
  const from = new Date(searched.fromMs).toISOString();
  if (options.json) {
    const events = found.map((event) => toJson(LocatedEventSchema, event));
    print(JSON.stringify({ id, searched_from: from, searched_all: searched.all, events }));
  } else {
    for (const event of found) print(traceText(event, Date.now()));
  }
  if (found.length > 0) return;
  process.exitCode = 1;
  process.stderr.write(`headgate: ${notFound(id, from)}\n`);
}

/** Assumes that clocks are at most this far ahead. */
const skewMsMax = 60_000;

interface Searched {
  readonly fromMs: number;
  /** False if the search stopped before the end. */
  readonly all: boolean;
}

/** Adds the events that it finds to `found`. */
async function search(
  client: AdminClient<typeof EventService>,
  {
    id,
    since,
    until,
    source = '',
    event: eventName = '',
    all,
  }: TraceOptions & { readonly id: string },
  found: LocatedEvent[],
  progress: WalkProgressBar,
): Promise<Searched> {
  let fromMs = since;
  let pageToken = '';
  do {
    const page = await client.call((service) =>
      service.locate({
        id,
        source,
        eventName,
        // The first page derives the start from the id; later pages repeat it.
        ...(fromMs !== undefined && { since: timestampFromMs(fromMs) }),
        ...(until !== undefined && { until: timestampFromMs(until) }),
        pageToken,
      }),
    );
    fromMs ??= timestampMs(page.searchedFrom!);
    found.push(...page.events);
    progress.reached(page.walk, `${(page.walk?.reached ?? 0n).toLocaleString('en')} in the log`);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && (all || found.length === 0));
  return { fromMs, all: pageToken === '' };
}

function notFound(id: string, from: string): string {
  return (
    `Nothing since ${from} has the id ${id.replaceAll(/[^\u0021-\u007e]/g, '?')}. It may have come ` +
    'before that (--since), be past its retention, or never have been answered as accepted or rejected: ' +
    'then its producer is to send it again.'
  );
}
