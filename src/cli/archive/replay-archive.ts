import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../../errors.ts';
import type { CommandContext } from '../command-context.ts';
import { findDestination } from '../command-settings.ts';
import { oneLine, print } from '../terminal/print.ts';
import { openArchive, type ArchiveFlags, type OpenedArchive } from './open-archive.ts';
import { createSkippedObjects, selectedObjects } from './read-objects.ts';
import { readingArchive } from './reading.ts';
import { openReplayState, type ObjectCounts, type ReplayState } from './replay-state.ts';
import type { ReplayTarget, TargetReport } from './replay-target.ts';
import { compileSelection, type SelectedEvent } from './selection.ts';
import { createTally } from './tally.ts';

export interface ReplayFlags extends ArchiveFlags {
  readonly destination?: string;
  readonly throughGate?: true;
  readonly since?: number;
  readonly until?: number;
  readonly event?: string;
  readonly source?: string;
  readonly user?: string;
  readonly rate: number;
  readonly dryRun?: true;
  readonly state?: string;
  readonly url?: string;
  readonly key?: string;
  readonly json?: true;
}

/** Sends the selected events again, one object after the other. Throws a StartError. */
export async function replayArchive(context: CommandContext, flags: ReplayFlags): Promise<void> {
  if ((flags.destination === undefined) === (flags.throughGate === undefined)) {
    throw new StartError('Say where to: --destination NAME, or --through-gate.');
  }
  const opened = await openArchive(context, flags);
  if (flags.destination === opened.name) {
    opened.archive.close();
    throw new StartError(`${opened.name} is the archive itself: name another destination.`);
  }
  try {
    await readingArchive(opened.name, (signal) =>
      flags.dryRun === true
        ? countEvents(opened, flags, signal)
        : replay(context, opened, flags, signal),
    );
  } finally {
    opened.archive.close();
  }
}

async function countEvents(
  opened: OpenedArchive,
  flags: ReplayFlags,
  signal: AbortSignal,
): Promise<void> {
  const tally = createTally();
  const skipped = createSkippedObjects();
  const reading = { filter: compileSelection(flags), skipped, signal };
  for await (const { object, events } of selectedObjects(opened.archive, reading)) {
    for (const { event } of events) tally.add(object.day, event.eventName, 1);
  }
  tally.print(flags.json === true);
  skipped.report();
}

async function replay(
  context: CommandContext,
  opened: OpenedArchive,
  flags: ReplayFlags,
  signal: AbortSignal,
): Promise<void> {
  const target = flags.destination ?? 'the-gate';
  const file = flags.state ?? `archive-replay-${opened.name}-to-${target}.jsonl`;
  const { since, until, event, source, user } = flags;
  const selection = JSON.parse(JSON.stringify({ since, until, event, source, user }));
  const state = openReplayState(file, { archive: opened.name, target, selection });
  const taker = await openTarget(context, opened, flags, reportTo(state));
  const all = { objects: 0, sent: 0, filtered: 0, refused: 0 };
  const skipped = createSkippedObjects();
  const turns = createTurns(flags.rate, signal);
  try {
    const reading = { filter: compileSelection(selection), skipped, signal };
    const objects = selectedObjects(opened.archive, reading, state.isDone);
    for await (const { object, events } of objects) {
      const counts = await sendObject(taker, events, turns, signal);
      state.done(object.key, counts);
      all.objects += 1;
      all.sent += counts.sent;
      all.filtered += counts.filtered;
      all.refused += counts.refused;
    }
  } finally {
    await taker.close();
  }
  skipped.report();
  if (all.refused > 0) process.exitCode = 1;
  if (flags.json === true) return print(JSON.stringify({ ...all, state: state.file }));
  return print(
    `${all.sent} events sent of ${all.objects} objects, ${all.filtered} filtered, ${all.refused} refused`,
  );
}

async function openTarget(
  { env }: CommandContext,
  { config }: OpenedArchive,
  flags: ReplayFlags,
  report: TargetReport,
): Promise<ReplayTarget> {
  if (flags.destination === undefined) {
    const { openGateTarget } = await import('./gate-target.ts');
    return openGateTarget(flags, env, report);
  }
  const { openDirectTarget } = await import('./direct-target.ts');
  return openDirectTarget(config, findDestination(config, flags.destination), report);
}

async function sendObject(
  target: ReplayTarget,
  events: readonly SelectedEvent[],
  { rate, turn }: Turns,
  signal: AbortSignal,
): Promise<ObjectCounts> {
  // What goes in a second at once, so that a slow rate is no row of bursts.
  const size = Math.min(target.eventsMax, rate);
  const counts = { sent: 0, filtered: 0, refused: 0 };
  for (let from = 0; from < events.length; from += size) {
    const some = events.slice(from, from + size);
    await turn(some.length);
    const { sent, filtered, refused } = await target.send(some, signal);
    counts.sent += sent;
    counts.filtered += filtered;
    counts.refused += refused;
  }
  return counts;
}

interface Turns {
  readonly rate: number;
  readonly turn: (events: number) => Promise<void>;
}

/** At most so many events a second: the next batch waits for the time that the one before it takes. */
function createTurns(rate: number, signal: AbortSignal): Turns {
  let nextAt = performance.now();
  const turn: Turns['turn'] = async (events) => {
    const waitMs = nextAt - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    nextAt = Math.max(nextAt, performance.now()) + (events * 1_000) / rate;
  };
  return { rate, turn };
}

/** The first events that were refused, and each new trouble once. */
function reportTo(state: ReplayState): TargetReport {
  let last = '';
  let hasRefused = false;
  return {
    trouble(reason) {
      if (reason !== last) process.stderr.write(`${oneLine(reason)}; trying again\n`);
      last = reason;
    },
    rejected(faults) {
      for (const fault of hasRefused ? [] : faults) process.stderr.write(`${fault}\n`);
      if (!hasRefused) process.stderr.write('rejected: show all with headgate rejected list\n');
      hasRefused = true;
    },
    refused(reason, payload) {
      const file = state.refused(reason, payload);
      if (!hasRefused) process.stderr.write(`refused: ${oneLine(reason)}; all are in ${file}\n`);
      hasRefused = true;
    },
  };
}
