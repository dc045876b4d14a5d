import { setTimeout as sleep } from 'node:timers/promises';

import { Code, ConnectError } from '@connectrpc/connect';
import { Presets, SingleBar } from 'cli-progress';
import type { Command } from 'commander';

import { confirm } from '../terminal/confirm.ts';
import { readCountUpTo } from '../terminal/option-values.ts';
import { print } from '../terminal/print.ts';
import { countAll, reasonLines, withFilter, type DeadClient, type Filter } from './filter.ts';
import { deadLetterPages } from './list.ts';

interface ReplayOptions extends Filter {
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly rate?: number;
  readonly json?: true;
}

/** A page is held in memory while its letters are replayed. */
const pageSize = 100;
/** Each replay waits for a sync of the disk; this many share one sync. */
const inFlightMax = 8;
const rateMax = 100_000;

/** `headgate dead replay`: one by its id, or all that match a filter. */
export function addReplayCommand(dead: Command, client: () => DeadClient): void {
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
    else await replayAll(client(), options, replay);
  });
}

async function replayOne(client: DeadClient, id: string, { json }: ReplayOptions): Promise<void> {
  const { sequence } = await client.call((service) => service.replayDeadLetter({ id }));
  const replayed = { id, sequence: String(sequence) };
  print(
    json
      ? JSON.stringify({ matched: 1, replayed: [replayed], gone: [], busy: [] })
      : `replayed ${id} (REPLAY ${sequence})`,
  );
}

async function replayAll(
  client: DeadClient,
  options: ReplayOptions,
  command: Command,
): Promise<void> {
  const { count, reasons } = await countAll(client, options);
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
  const tally = await replayMatching(client, options, count);
  const { replayed, gone, busy } = tally;
  if (options.json) print(JSON.stringify({ matched: count, ...tally }));
  else {
    print(`${replayed.length} replayed`);
    if (gone.length > 0) print(`${gone.length} replayed or discarded by somebody else`);
    if (busy.length > 0)
      print(`${busy.length} in work by somebody else: ${busy.slice(0, 5).join(', ')}`);
  }
  if (busy.length > 0) process.exitCode = 1;
}

/** The result for each requested dead letter. */
interface Tally {
  readonly replayed: { readonly id: string; readonly sequence: string }[];
  readonly gone: string[];
  readonly busy: string[];
}

/**
 * Replays page by page, several at once. An event that fails again becomes a new dead letter, which
 * the pages do not include. It may be interrupted at any time, and run again for the rest.
 */
async function replayMatching(
  client: DeadClient,
  options: ReplayOptions,
  count: number,
): Promise<Tally> {
  const tally: Tally = { replayed: [], gone: [], busy: [] };
  const bar = startBar(count, options);
  const pace = createPace(options.rate);
  const replay = async (id: string): Promise<void> => {
    try {
      const { sequence } = await client.call((service) => service.replayDeadLetter({ id }));
      tally.replayed.push({ id, sequence: String(sequence) });
    } catch (error) {
      const { code } = ConnectError.from((error as Error).cause);
      if (code === Code.NotFound) tally.gone.push(id);
      else if (code === Code.Aborted) tally.busy.push(id);
      else throw error;
    }
    bar?.increment();
  };
  try {
    for await (const page of deadLetterPages(client, options, pageSize)) {
      const ids = page.map(({ id }) => id);
      const work = async (): Promise<void> => {
        for (let id = ids.shift(); id !== undefined; id = ids.shift()) {
          await pace();
          await replay(id);
        }
      };
      await allOrFirstFault(Array.from({ length: inFlightMax }, work), () => ids.splice(0));
    }
  } catch (error) {
    bar?.stop();
    process.stderr.write(`${tally.replayed.length} replayed before this:\n`);
    throw error;
  }
  bar?.stop();
  return tally;
}

/** Waits for all. The first error stops the others after their current letter. */
async function allOrFirstFault(works: readonly Promise<void>[], stop: () => void): Promise<void> {
  const results = await Promise.allSettled(
    works.map((work) =>
      work.catch((error: unknown) => {
        stop();
        throw error;
      }),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Resolves when the next replay may begin: evenly spaced, so that destinations get no bursts. */
function createPace(rate: number | undefined): () => Promise<unknown> {
  if (rate === undefined) return () => Promise.resolve();
  let nextAt = performance.now();
  return () => {
    const now = performance.now();
    const at = Math.max(now, nextAt);
    nextAt = at + 1000 / rate;
    return sleep(at - now);
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
