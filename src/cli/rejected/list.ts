import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import Table from 'cli-table3';
import { Command } from 'commander';

import {
  RejectedEventSchema,
  type RejectedEvent,
} from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { readCount } from '../terminal/option-values.ts';
import { oneLine, print } from '../terminal/print.ts';
import { filterMessage, withFilter, type FilterOptions } from './filter.ts';
import type { RejectedClient } from './rejected-client.ts';

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly replayed?: true;
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
    .option('--json', 'print JSON, one rejected event per line')
    .action((options: ListOptions) => list(client(), options));
}

async function list(client: RejectedClient, options: ListOptions): Promise<void> {
  const filter = filterMessage(options, options.replayed);
  const rows: string[][] = [];
  let shown = 0;
  let pageToken = '';
  do {
    const size = Math.min(pageSize, options.limit - shown);
    const page = await client.call((service) =>
      service.listRejected({ filter, pageSize: size, pageToken }),
    );
    for (const event of page.rejected) {
      if (options.json) print(JSON.stringify(toJson(RejectedEventSchema, event)));
      else if (process.stdout.isTTY) rows.push(rowOf(event));
      else print(rowOf(event).join('\t'));
    }
    shown += page.rejected.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && shown < options.limit);
  if (rows.length > 0) print(tableOf(rows));
  if (shown === 0) process.stderr.write('No rejected events.\n');
  else if (pageToken !== '')
    process.stderr.write(`The first ${shown}; there may be more: --limit.\n`);
}

const headings = ['number', 'received', 'source', 'event', 'code', 'why'];
const reasonCharactersMax = 60;

function rowOf(event: RejectedEvent): string[] {
  const { error, replay } = event;
  const stored = replay !== undefined && replay.sequence !== 0n;
  const first = error?.violations[0];
  const reason = stored
    ? `replayed: ${replay.sequence} in EVENTS`
    : first === undefined
      ? (error?.message ?? '')
      : `${first.path} ${first.message}`;
  const received = event.receivedAt;
  return [
    String(event.sequence),
    received === undefined ? '' : timestampDate(received).toISOString(),
    event.source,
    event.eventName,
    error?.code ?? '',
    reason.length > reasonCharactersMax ? `${reason.slice(0, reasonCharactersMax - 1)}…` : reason,
  ].map(oneLine);
}

function tableOf(rows: readonly string[][]): string {
  const table = new Table({ head: headings, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return table.toString();
}
