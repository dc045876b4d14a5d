import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';

import type { CountRedeliveryResponse } from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { confirm } from '../terminal/confirm.ts';
import { print } from '../terminal/print.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';
import { followRedelivery } from './follow.ts';
import { selectionRequest, type RedeliverOptions, type RedeliveryClient } from './request.ts';

/** What would be sent. */
interface Counts {
  readonly total: number;
  readonly byEvent: ReadonlyMap<string, number>;
  readonly waiting: number;
  readonly dead: number;
  /** The last answer, for what is the same in all. */
  readonly last: CountRedeliveryResponse;
}

/** Counts, asks, starts, and follows to the end. */
export async function redeliver(
  client: RedeliveryClient,
  options: RedeliverOptions,
  command: Command,
): Promise<void> {
  const { destination } = options;
  if (destination === undefined) return command.error('error: name the --destination');
  const selection = selectionRequest(options, destination);
  const counts = await countAll(client, selection);
  if (options.dryRun) {
    if (options.json) print(JSON.stringify({ ...countsJson(counts), dryRun: true }));
    else {
      print(`${counts.total} would be sent to ${destination} again`);
      process.stderr.write(countLines(counts));
    }
    return;
  }
  if (!options.json) process.stderr.write(countLines(counts));
  if (counts.total === 0) {
    print(options.json ? JSON.stringify(countsJson(counts)) : 'nothing to send');
    return;
  }
  if (!options.yes) {
    process.stderr.write(`What ${destination} does with an event that it has:\n`);
    process.stderr.write(`  ${counts.last.secondCopies}\n`);
    const agreed = await confirm(`Send ${counts.total} events to ${destination} again?`);
    if (agreed === undefined) {
      command.error(`error: this would send ${counts.total} events again; add --yes to do it`);
    }
    if (!agreed) {
      print('nothing was sent');
      return;
    }
  }
  const { redelivery } = await client.call((service) =>
    service.startRedelivery({
      selection,
      rate: options.rate ?? 0,
      sequenceMax: counts.last.walk?.upTo ?? 0n,
    }),
  );
  const { id } = redelivery!;
  if (!options.json) process.stderr.write(`redelivery ${id} to ${destination} has begun\n`);
  await followRedelivery(client, id, options, counts.total);
}

/** The service counts in parts, each of a bounded time. */
async function countAll(
  client: RedeliveryClient,
  selection: ReturnType<typeof selectionRequest>,
): Promise<Counts> {
  const byEvent = new Map<string, number>();
  const bar = createWalkProgressBar(process.stderr);
  let [total, waiting, dead] = [0, 0, 0];
  let pageToken = '';
  try {
    for (;;) {
      const page = await client.call((service) =>
        service.countRedelivery({ selection, pageToken }, { timeoutMs: countMsMax }),
      );
      for (const { eventName, count } of page.counts) {
        byEvent.set(eventName, (byEvent.get(eventName) ?? 0) + Number(count));
        total += Number(count);
      }
      waiting += Number(page.waiting);
      dead += Number(page.dead);
      bar.reached(page.walk, `${total.toLocaleString('en')} events counted`);
      pageToken = page.nextPageToken;
      if (pageToken === '') return { total, byEvent, waiting, dead, last: page };
    }
  } finally {
    bar.stop();
  }
}

/** A destination may take long to say what it holds. */
const countMsMax = 120_000;

function countLines({ total, byEvent, waiting, dead, last }: Counts): string {
  const rows = [...byEvent].toSorted(([, left], [, right]) => right - left);
  const width = String(total).length;
  const lines = rows.map(([name, count]) => `  ${String(count).padStart(width)}  ${name}`);
  if (waiting > 0) lines.push(`${waiting} are left out: they still wait, and come by themselves`);
  if (dead > 0) {
    lines.push(
      `${dead} are left out: they are dead letters, or were discarded: headgate dead replay`,
    );
  }
  if (last.reachesBeyondLog) {
    const oldest = last.oldest === undefined ? undefined : timestampDate(last.oldest).toISOString();
    lines.push(
      oldest === undefined
        ? 'the log holds no events any more'
        : `events stored before ${oldest} are not in the log any more`,
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}

function countsJson({ total, byEvent, waiting, dead, last }: Counts) {
  return {
    matched: total,
    events: Object.fromEntries(byEvent),
    waiting,
    dead,
    reachesBeyondLog: last.reachesBeyondLog,
  };
}
