import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';

import { DeadLetterSchema, type DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import type { DestinationCheck } from '../known-destination.ts';
import { readCountUpTo } from '../terminal/option-values.ts';
import { oneLine } from '../terminal/print.ts';
import { cellText, printTable } from '../terminal/table.ts';
import {
  countAll,
  filterRequest,
  reasonLines,
  withFilter,
  type DeadClient,
  type Filter,
} from './filter.ts';

interface ListOptions extends Filter {
  readonly limit: number;
  readonly json?: true;
}

/** Dead letters per request. */
const pageSize = 100;
/** All are held in memory. For more, narrow the filter. */
const limitMax = 10_000;

/** `headgate dead list`: the dead letters, oldest first, and their reasons. */
export function addListCommand(
  dead: Command,
  client: () => DeadClient,
  check: DestinationCheck,
): void {
  withFilter(dead.command('list'))
    .description('list dead letters, oldest first, and count the reasons')
    .option(
      '--limit <count>',
      `at most so many; ${limitMax} are the most`,
      readCountUpTo(limitMax),
      50,
    )
    .option('--json', 'print one JSON document')
    .action((options: ListOptions) => list(client(), check, options));
}

async function list(
  client: DeadClient,
  check: DestinationCheck,
  options: ListOptions,
): Promise<void> {
  const [deadLetters, { count, reasons }] = await Promise.all([
    readLetters(client, options),
    countAll(client, options),
  ]);
  if (count === 0) await check(options.destination ?? '');
  if (options.json) {
    const letters = deadLetters.map((letter) => toJson(DeadLetterSchema, letter));
    process.stdout.write(`${JSON.stringify({ deadLetters: letters, total: count, reasons })}\n`);
    return;
  }
  const rows = deadLetters.map(rowOf);
  printTable(headings, rows);
  process.stderr.write(
    count === 0
      ? 'No dead letters.\n'
      : `${rows.length} of ${count} dead letters\n${reasonLines(reasons)}`,
  );
}

async function readLetters(client: DeadClient, options: ListOptions): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const page of deadLetterPages(client, options, pageSize)) {
    letters.push(...page);
    if (letters.length >= options.limit) break;
  }
  return letters.slice(0, options.limit);
}

/** All dead letters that match a filter and existed at the first page. */
async function* deadLetterPages(
  client: DeadClient,
  filter: Filter,
  size: number,
): AsyncGenerator<readonly DeadLetter[]> {
  let pageToken = '';
  do {
    const page = await client.call((service) =>
      service.listDeadLetters({ ...filterRequest(filter), pageSize: size, pageToken }),
    );
    yield page.deadLetters;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

const headings = ['id', 'event', 'since', 'attempts', 'reason'];
const reasonCharactersMax = 60;

function rowOf(letter: DeadLetter): string[] {
  const since = letter.deadAt === undefined ? '' : timestampDate(letter.deadAt).toISOString();
  return [
    letter.id,
    letter.event?.eventName ?? '',
    since,
    // Without the probes of a parked destination, which do not count towards retry.attempts.
    String(letter.attempts.filter(({ charged }) => charged).length),
    cellText(oneLine(letter.reason), reasonCharactersMax),
  ];
}
