import { setTimeout as sleep } from 'node:timers/promises';

import { Presets, SingleBar } from 'cli-progress';
import type { Command } from 'commander';

import type { DestinationCheck } from '../known-destination.ts';
import { confirm } from '../terminal/confirm.ts';
import { readCountUpTo } from '../terminal/option-values.ts';
import { print } from '../terminal/print.ts';
import {
  countAll,
  filterRequest,
  reasonLines,
  withFilter,
  type DeadClient,
  type Filter,
} from './filter.ts';

interface ReplayOptions extends Filter {
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly rate?: number;
  readonly json?: true;
}

/** The most that the service replays by one request. */
const pageSize = 100;
const rateMax = 100_000;

/** `headgate dead replay`: one by its id, or all that match a filter. */
export function addReplayCommand(
  dead: Command,
  client: () => DeadClient,
  check: DestinationCheck,
): void {
  const replay = withFilter(dead.command('replay [id]'))
    .description('deliver the event to its destination again, with the same event_id')
    .option('--all', 'all that match the filters')
    .option('--yes', 'with --all: do not ask')
    .option('--dry-run', 'with --all: show how many there are, and do nothing')
    .option('--rate <count>', 'with --all: at most so many per second', readCountUpTo(rateMax))
    .option('--json', 'print one JSON document');
  replay.action(async (id: string | undefined, options: ReplayOptions) => {
    if ((id === undefined) === (options.all === undefined)) {
      replay.error('error: name one dead letter, or say --all');
    }
    if (id !== undefined) await replayOne(client(), id, options);
    else await replayAll(client(), check, options, replay);
  });
}

async function replayOne(client: DeadClient, id: string, { json }: ReplayOptions): Promise<void> {
  const { sequence } = await client.call((service) => service.replayDeadLetter({ id }));
  const replayed = { id, sequence: String(sequence) };
  print(
    json
      ? JSON.stringify({ matched: 1, replayed: [replayed], gone: [], busy: [], removed: [] })
      : `replayed ${id} (REPLAY ${sequence})`,
  );
}

async function replayAll(
  client: DeadClient,
  check: DestinationCheck,
  options: ReplayOptions,
  command: Command,
): Promise<void> {
  const { count, reasons, upTo } = await countAll(client, options);
  if (count === 0) await check(options.destination ?? '');
  if (options.dryRun) {
    if (options.json) print(JSON.stringify({ matched: count, reasons, dryRun: true }));
    else {
      print(`${count} would be replayed`);
      process.stderr.write(reasonLines(reasons));
    }
    return;
  }
  if (count > 0 && !options.yes) {
    const agreed = await confirm(`${reasonLines(reasons)}Replay ${count} dead letters?`);
    if (agreed === undefined) {
      command.error(`error: this would replay ${count}; add --yes to do it`);
    }
    if (!agreed) {
      print('nothing was replayed');
      return;
    }
  }
  const tally = await replayMatching(client, options, count, upTo);
  const { replayed, gone, busy, removed } = tally;
  if (options.json) print(JSON.stringify({ matched: count, ...tally }));
  else {
    print(`${replayed.length} replayed`);
    if (gone.length > 0) print(`${gone.length} replayed or discarded by somebody else`);
    if (busy.length > 0)
      print(`${busy.length} in work by somebody else: ${busy.slice(0, 5).join(', ')}`);
    if (removed.length > 0) {
      print(
        `${removed.length} of a destination that was removed: ${removed.slice(0, 5).join(', ')}. Start a gate ` +
          'that has it in its configuration, or discard them',
      );
    }
  }
  if (busy.length + removed.length > 0) process.exitCode = 1;
}

/** The result for each requested dead letter. */
interface Tally {
  readonly replayed: { readonly id: string; readonly sequence: string }[];
  readonly gone: string[];
  readonly busy: string[];
  /** Nothing would deliver them. */
  readonly removed: string[];
}

/**
 * Replays what was counted, page by page. An event that fails again becomes a new dead letter, which
 * the pages do not include. It may be interrupted at any time, and run again for the rest.
 */
async function replayMatching(
  client: DeadClient,
  options: ReplayOptions,
  count: number,
  sequenceMax: bigint,
): Promise<Tally> {
  const tally: Tally = { replayed: [], gone: [], busy: [], removed: [] };
  if (count === 0) return tally;
  const bar = startBar(count, options);
  const pace = createPace(options.rate);
  let pageToken = '';
  try {
    do {
      const { pageSize } = pace;
      const request = { ...filterRequest(options), pageSize, pageToken, sequenceMax };
      const page = await client.call((service) => service.replayDeadLetters(request));
      for (const { id, sequence, code } of page.results) {
        if (code === '') tally.replayed.push({ id, sequence: String(sequence) });
        else if (code === 'dead_letter_busy') tally.busy.push(id);
        else if (code === 'destination_not_found') tally.removed.push(id);
        else tally.gone.push(id);
      }
      bar?.increment(page.results.length);
      pageToken = page.nextPageToken;
      if (pageToken !== '') await pace.after(page.results.length);
    } while (pageToken !== '');
  } catch (error) {
    bar?.stop();
    process.stderr.write(`${tally.replayed.length} replayed before this:\n`);
    throw error;
  }
  bar?.stop();
  return tally;
}

/** At most so many pages a second, so that destinations get no bursts. */
const pagesPerSecond = 10;

/** How large pages are, and how long to wait after each, to keep a rate. */
function createPace(rate: number | undefined) {
  if (rate === undefined) return { pageSize, after: () => Promise.resolve() };
  let nextAt = performance.now();
  return {
    pageSize: Math.min(pageSize, Math.max(1, Math.floor(rate / pagesPerSecond))),
    after: async (replayed: number): Promise<void> => {
      const now = performance.now();
      nextAt = Math.max(nextAt, now - 1000) + (replayed * 1000) / rate;
      await sleep(Math.max(0, nextAt - now));
    },
  };
}

/** Draws a bar on a terminal only, so that logs contain no bars. */
function startBar(count: number, { json }: ReplayOptions): SingleBar | undefined {
  if (!process.stderr.isTTY || json || count === 0) return undefined;
  const format = '{bar} {percentage}% | {value} of {total} | {eta_formatted} left';
  const bar = new SingleBar(
    { stream: process.stderr, fps: 5, hideCursor: false, format },
    Presets.shades_classic,
  );
  bar.start(count, 0);
  return bar;
}
