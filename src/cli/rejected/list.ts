import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';

import {
  RejectedEventSchema,
  type RejectedEvent,
} from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { readCount } from '../terminal/option-values.ts';
import { print } from '../terminal/print.ts';
import { cellText, createTable } from '../terminal/table.ts';
import { filterMessage, withFilter, type FilterOptions, type SettledOptions } from './filter.ts';
import type { RejectedClient } from './rejected-client.ts';

interface ListOptions extends FilterOptions, SettledOptions {
  readonly limit: number;
  readonly json?: true;
}

/** Events per request. */
const pageSize = 100;

/** `headgate rejected list`: rejected events and their reasons. */
export function listCommand(client: () => RejectedClient): Command {
  return withFilter(new Command('list'))
    .description('list rejected events with the reasons, oldest first')
    .option('--limit <count>', 'at most so many', readCount, 50)
    .option('--replayed', 'include events that a replay has stored')
    .option('--discarded', 'include events that were given up')
    .option('--json', 'print JSON, one rejected event per line')
    .action((options: ListOptions) => list(client(), options));
}

async function list(client: RejectedClient, options: ListOptions): Promise<void> {
  const filter = filterMessage(options, options);
  const table = createTable(headings);
  let shown = 0;
  let pageToken = '';
  do {
    const size = Math.min(pageSize, options.limit - shown);
    const page = await client.call((service) =>
      service.listRejected({ filter, pageSize: size, pageToken }),
    );
    for (const event of page.rejected) {
      if (options.json) print(JSON.stringify(toJson(RejectedEventSchema, event)));
      else table.row(rowOf(event));
    }
    shown += page.rejected.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && shown < options.limit);
  table.end();
  if (shown === 0) process.stderr.write('No rejected events.\n');
  else if (pageToken !== '')
    process.stderr.write(`The first ${shown}; there may be more: --limit.\n`);
}

const headings = ['number', 'received', 'source', 'event', 'code', 'why'];
const reasonCharactersMax = 60;

function rowOf(event: RejectedEvent): string[] {
  const { error } = event;
  const received = event.receivedAt;
  return [
    String(event.sequence),
    received === undefined ? '' : timestampDate(received).toISOString(),
    event.source,
    event.eventName,
    error?.code ?? '',
    reasonOf(event),
  ];
}

function reasonOf({ error, replay, discard }: RejectedEvent): string {
  const cut = (text: string): string => cellText(text, reasonCharactersMax);
  if (discard !== undefined) return cut(`discarded: ${discard.why}`);
  if (replay !== undefined && replay.sequence !== 0n)
    return cut(`replayed: ${replay.sequence} in EVENTS`);
  const [first, ...more] = error?.violations ?? [];
  if (first === undefined) return cut(error?.message ?? '');
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return `${cut(`${first.path} ${first.message}`)}${others}`;
}
