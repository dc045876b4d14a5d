import { setTimeout as sleep } from 'node:timers/promises';

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Command } from 'commander';

import type { EventEdit } from '../../../gen/headgate/v1/event_edit_pb.ts';
import { EventResult_Status as Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import {
  RejectedFilterSchema,
  type ReplayRejectedRequestSchema,
  type ReplayRejectedResponse,
  type ReplayResult,
} from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { StartError } from '../../errors.ts';
import { addSet, addUnset } from '../terminal/edit-options.ts';
import { editText } from '../terminal/edit-text.ts';
import { readCount } from '../terminal/option-values.ts';
import { print, visible } from '../terminal/print.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';
import { filterMessage, withFilter, type FilterOptions } from './filter.ts';
import { readNumber, type RejectedClient } from './rejected-client.ts';

interface ReplayOptions extends FilterOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly set?: readonly EventEdit[];
  readonly unset?: readonly EventEdit[];
  readonly edit?: true;
  readonly rate: number;
  readonly json?: true;
}

type Environment = Readonly<Record<string, string | undefined>>;

const pageSizeMax = 250;
/** The first page of old events may search everything stored since: up to 2,000,000 events. */
const timeoutMs = 600_000;
/** How often a page is retried that the log did not store, one second apart. */
const retriesMax = 30;

/** `headgate rejected replay`: sends rejected events through the gate again. */
export function replayCommand(client: () => RejectedClient, env: Environment): Command {
  const replay = withFilter(new Command('replay'))
    .description('send events through the gate again; an event that it accepts is stored once')
    .argument('[number]', 'one event, by its number in "rejected list"', readNumber)
    .option('--all', 'all that match the filters')
    .option('--yes', 'with --all: replay, instead of showing what would happen')
    .option('--dry-run', 'show what would happen, and change nothing')
    .option(
      '--set <path=value>',
      'write JSON, else text, at a place: properties.currency=EUR',
      addSet,
    )
    .option('--unset <path>', 'remove a member: properties.totl', addUnset)
    .option('--edit', 'with one event: open it in $VISUAL or $EDITOR')
    .option('--rate <count>', 'at most so many events per second', readCount, 1_000)
    .option('--json', 'print JSON: a line for each event, then the totals')
    .addHelpText('after', help);
  return replay.action((number: bigint | undefined, options: ReplayOptions) => {
    if ((number === undefined) === (options.all === undefined)) {
      replay.error('error: name one rejected event, or say --all');
    }
    if (options.edit && number === undefined)
      replay.error('error: --edit takes one rejected event');
    return number === undefined
      ? replayAll(client(), options, replay)
      : replayOne(client(), number, options, env);
  });
}

const help = `
An event keeps its source and its idempotency key, so that a second replay, or the producer's own
second try, is a duplicate. What is refused again stays, with its new reason.

Exit code: 0 when every event is stored (with --dry-run: would be), 1 when one is not.

Examples:
  $ headgate rejected replay 4711 --set properties.currency=EUR
  $ headgate rejected replay --all --event order_completed --since 24h --dry-run
  $ headgate rejected replay --all --event order_completed --since 24h --yes`;

/** Counts events by result. */
interface Sum {
  accepted: number;
  duplicates: number;
  rejected: number;
  retry: number;
}

async function replayOne(
  client: RejectedClient,
  sequence: bigint,
  options: ReplayOptions,
  env: Environment,
): Promise<void> {
  let replacementJson = '';
  if (options.edit) {
    const { rejected } = await client.call((service) => service.getRejected({ sequence }));
    replacementJson = await editText(rejected!.eventJson, env);
  }
  const dryRun = options.dryRun ?? false;
  const request = { sequence, replacementJson, dryRun, edits: editsOf(options) };
  const { results } = await client.call((service) =>
    service.replayRejected(request, { timeoutMs }),
  );
  const sum = createSum();
  printResults(results, sum, options.json ? 'json' : 'text', dryRun);
  if (sum.rejected + sum.retry > 0) process.exitCode = 1;
}

async function replayAll(
  client: RejectedClient,
  options: ReplayOptions,
  command: Command,
): Promise<void> {
  const dryRun = options.dryRun ?? !options.yes;
  const filter = create(RejectedFilterSchema, filterMessage(options));
  const pageSize = Math.min(pageSizeMax, Math.max(1, Math.ceil(options.rate / 2)));
  const request = { filter, pageSize, dryRun, edits: editsOf(options) };
  const sum = createSum();
  const progress = createWalkProgressBar(process.stderr);
  const startedAt = performance.now();
  let pageToken = '';
  try {
    do {
      const page = await replayPage(client, { ...request, pageToken });
      printResults(page.results, sum, options.json ? 'json' : 'quiet', dryRun);
      progress.reached(page.walk, sumText(sum, dryRun));
      pageToken = page.nextPageToken;
      const due = (countOf(sum) / options.rate) * 1000;
      if (pageToken !== '') await sleep(Math.max(0, due - (performance.now() - startedAt)));
    } while (pageToken !== '');
  } finally {
    progress.stop();
  }
  print(options.json ? JSON.stringify({ dryRun, ...sum }) : sumText(sum, dryRun));
  if (options.dryRun === undefined && !options.yes) {
    command.error(`error: nothing was changed; add --yes to do it`);
  }
  if (sum.rejected + sum.retry > 0) process.exitCode = 1;
}

/** Retries, so that a short outage of the log does not end a long replay. */
async function replayPage(
  client: RejectedClient,
  request: MessageInitShape<typeof ReplayRejectedRequestSchema>,
): Promise<ReplayRejectedResponse> {
  const settled: ReplayResult[] = [];
  for (let tries = 1; ; tries += 1) {
    const page = await client.call((service) => service.replayRejected(request, { timeoutMs }));
    const waiting = page.results.find(isWaiting);
    if (waiting === undefined) return { ...page, results: [...settled, ...page.results] };
    // Only events that were rejected again, or that cannot be replayed, are listed.
    settled.push(...page.results.filter(isStored));
    if (tries > retriesMax)
      throw new StartError(`${waiting.error!.message} Replay the rest later.`);
    await sleep(1_000);
  }
}

const isWaiting = ({ error }: ReplayResult): boolean => error?.code === 'not_stored';
const isStored = ({ status }: ReplayResult): boolean =>
  status === Status.ACCEPTED || status === Status.DUPLICATE;

function createSum(): Sum {
  return { accepted: 0, duplicates: 0, rejected: 0, retry: 0 };
}

function countOf({ accepted, duplicates, rejected, retry }: Sum): number {
  return accepted + duplicates + rejected + retry;
}

/** By the numbers of EventResult.Status. */
const counted: Readonly<Record<number, keyof Sum>> = {
  [Status.ACCEPTED]: 'accepted',
  [Status.DUPLICATE]: 'duplicates',
  [Status.REJECTED]: 'rejected',
};
const statusWords: Readonly<Record<number, string>> = {
  [Status.ACCEPTED]: 'accepted',
  [Status.DUPLICATE]: 'duplicate',
  [Status.REJECTED]: 'rejected',
};

function printResults(
  results: readonly ReplayResult[],
  sum: Sum,
  how: 'json' | 'text' | 'quiet',
  dryRun: boolean,
): void {
  for (const result of results) {
    const outcome = counted[result.status] ?? 'retry';
    sum[outcome] += 1;
    if (how === 'json') print(jsonOf(result, dryRun));
    else if (how === 'text') print(lineOf(result, dryRun));
  }
}

function jsonOf(result: ReplayResult, dryRun: boolean): string {
  const { sequence, source, eventName, idempotencyKey, status, error, storedSequence } = result;
  return JSON.stringify({
    number: Number(sequence),
    source,
    event_name: eventName,
    idempotency_key: idempotencyKey,
    status: statusWords[status] ?? 'retry',
    dry_run: dryRun,
    ...(storedSequence !== 0n && { sequence: Number(storedSequence) }),
    ...(error !== undefined && {
      error: {
        code: error.code,
        message: error.message,
        violations: error.violations.map(({ path, code, message }) => ({ path, code, message })),
      },
    }),
  });
}

function lineOf(result: ReplayResult, dryRun: boolean): string {
  const { sequence, status, error, storedSequence } = result;
  const would = dryRun ? 'would be ' : '';
  const place = storedSequence === 0n ? '' : ` (EVENTS ${storedSequence})`;
  const lines = [`${sequence}: ${would}${statusWords[status] ?? 'not tried'}${place}`];
  if (error !== undefined) lines.push(`  ${error.code}: ${visible(error.message)}`);
  for (const { path, message } of error?.violations ?? [])
    lines.push(`  ${visible(`${path} ${message}`)}`);
  return lines.join('\n');
}

function sumText(sum: Sum, dryRun: boolean): string {
  const { accepted, duplicates, rejected, retry } = sum;
  const count = (value: number): string => value.toLocaleString('en');
  const words = dryRun
    ? ['would be accepted', 'stored before', 'would be refused again', 'could not be tried']
    : ['accepted', 'stored before', 'refused again', 'not tried'];
  return [accepted, duplicates, rejected, retry]
    .map((value, index) => `${count(value)} ${words[index]}`)
    .join(', ');
}

function editsOf({ set = [], unset = [] }: ReplayOptions): EventEdit[] {
  return [...unset, ...set];
}
