import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';

import type { RejectedCount } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { print } from '../terminal/print.ts';
import { printTable } from '../terminal/table.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';
import { filterMessage, withFilter, type FilterOptions, type SettledOptions } from './filter.ts';
import type { RejectedClient } from './rejected-client.ts';

interface StatsOptions extends FilterOptions, SettledOptions {
  readonly per?: 'hour' | 'day';
  readonly json?: true;
}

interface Sum {
  readonly source: string;
  readonly event: string;
  readonly code: string;
  /** The start of the hour or day. Absent without --per. */
  readonly bucket?: string;
  count: number;
  first: string;
  last: string;
}

/** There can be as many unplanned names as events. */
const sumsMax = 10_000;
const otherName = '_other';
const bucketSeconds = { hour: 3_600, day: 86_400 } as const;

/** `headgate rejected stats`: what was refused, by source, event, code and time. */
export function statsCommand(client: () => RejectedClient): Command {
  return withFilter(new Command('stats'))
    .description('count rejected events by source, event and code')
    .addOption(new Option('--per <time>', 'and by the hour or day').choices(['hour', 'day']))
    .option('--replayed', 'include events that a replay has stored')
    .option('--discarded', 'include events that were given up')
    .option('--json', 'print JSON')
    .action((options: StatsOptions) => stats(client(), options));
}

async function stats(client: RejectedClient, options: StatsOptions): Promise<void> {
  const filter = filterMessage(options, options);
  const bucket = options.per === undefined ? 0 : bucketSeconds[options.per];
  const sums = new Map<string, Sum>();
  const progress = createWalkProgressBar(process.stderr);
  let total = 0;
  let pageToken = '';
  do {
    const page = await client.call((service) =>
      service.countRejected({ filter, bucketSeconds: bucket, pageToken }),
    );
    for (const count of page.counts) total += add(sums, count);
    progress.reached(page.walk, `${total.toLocaleString('en')} rejected events`);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  progress.stop();
  const groups = [...sums.values()].sort(
    (a, b) => (a.bucket ?? '').localeCompare(b.bucket ?? '') || b.count - a.count,
  );
  if (options.json) print(JSON.stringify({ total, groups }));
  else printGroups(groups, total);
}

/** Returns how many were added. */
function add(sums: Map<string, Sum>, met: RejectedCount): number {
  const { source, code, count } = met;
  const at = met.bucket === undefined ? undefined : timeText(met.bucket);
  const keyOf = (event: string): string => [source, code, at, event].join(' ');
  const isFull = sums.size >= sumsMax && !sums.has(keyOf(met.eventName));
  const event = isFull ? otherName : met.eventName;
  const [first, last] = [timeText(met.firstAt), timeText(met.lastAt)];
  const known = sums.get(keyOf(event));
  if (known === undefined) {
    const sum = { source, event, code, ...(at !== undefined && { bucket: at }) };
    sums.set(keyOf(event), { ...sum, count: Number(count), first, last });
  } else {
    known.count += Number(count);
    if (first < known.first) known.first = first;
    if (last > known.last) known.last = last;
  }
  return Number(count);
}

function timeText(time: Timestamp | undefined): string {
  return time === undefined ? '' : new Date(timestampMs(time)).toISOString();
}

function printGroups(groups: readonly Sum[], total: number): void {
  if (groups.length === 0) {
    process.stderr.write('No rejected events.\n');
    return;
  }
  const timed = groups[0]!.bucket !== undefined;
  const rows = groups.map(({ source, event, code, bucket, count, first, last }) => [
    ...(timed ? [bucket!] : []),
    source,
    event,
    code,
    String(count),
    first,
    last,
  ]);
  const head = [...(timed ? ['time'] : []), 'source', 'event', 'code', 'count', 'first', 'last'];
  printTable(head, rows);
  if (process.stdout.isTTY) print(`${total} rejected events`);
}
