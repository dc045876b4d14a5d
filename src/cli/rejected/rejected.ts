import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';

import {
  RejectedEventSchema,
  type RejectedEvent,
} from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { RejectedService } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { connectAdmin, type AdminClient } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { filterMessage, withFilter, type FilterOptions } from './filter.ts';
import { replayCommand } from './replay.ts';
import { statsCommand } from './stats.ts';

/** What speaks to the admin port about rejected events. */
export type RejectedClient = AdminClient<typeof RejectedService>;

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly replayed?: true;
  readonly json?: true;
}

/** How many are asked for at a time. */
const pageSize = 100;

/** `headgate rejected`: events that broke their contract. Talks to the admin port. */
export function rejectedCommand({ env }: CommandContext): Command {
  const rejected = new Command('rejected')
    .description('look at rejected events, and send them through the gate again')
    .option('--admin <url>', 'the admin port (default: HEADGATE_ADMIN_LISTEN)')
    .addHelpText('after', '\nThe token of the admin port is taken from HEADGATE_ADMIN_TOKEN.');
  const client = (): RejectedClient =>
    connectAdmin(RejectedService, rejected.opts<{ admin?: string }>().admin, env);
  withFilter(rejected.command('list'))
    .description('show what was refused and why, oldest first')
    .option('--limit <count>', 'at most so many', readCount, 50)
    .option('--replayed', 'also those that a replay has stored')
    .option('--json', 'print JSON, one rejected event a line')
    .action((options: ListOptions) => list(client(), options));
  rejected
    .command('show')
    .argument('<number>', 'by which "rejected list" shows it', readNumber)
    .description('show one, with its reasons, the event and its last replay')
    .option('--original', 'its bytes as they were sent, and nothing else')
    .option('--json', 'print JSON, the bytes in base64')
    .action((number: bigint, options: { original?: true; json?: true }) =>
      show(client(), number, options),
    );
  rejected.addCommand(statsCommand(client));
  rejected.addCommand(replayCommand(client, env));
  return rejected;
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

async function show(
  client: RejectedClient,
  sequence: bigint,
  options: { readonly original?: true; readonly json?: true },
): Promise<void> {
  const { rejected } = await client.call((service) => service.getRejected({ sequence }));
  const event = rejected!;
  if (options.original) {
    process.stdout.write(event.original);
    return;
  }
  const value = toJson(RejectedEventSchema, event) as Record<string, unknown>;
  if (options.json) {
    print(JSON.stringify(value));
    return;
  }
  // JSON escapes what would be a command to the terminal; what others wrote is in here.
  const { original: _bytes, eventJson: _text, ...facts } = value;
  print(JSON.stringify(facts, undefined, 2));
  print('event:');
  print(visible(event.eventJson));
}

/** What others wrote must not reach the terminal as commands. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => (character === '\n' ? character : ' '));
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
  ].map((cell) => visible(cell).replaceAll('\n', ' '));
}

function tableOf(rows: readonly string[][]): string {
  const table = new Table({ head: headings, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return table.toString();
}

/** The number by which a rejected event is shown. */
export function readNumber(text: string): bigint {
  if (/^[1-9]\d{0,14}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError(`"${text}" is no number of "headgate rejected list".`);
}

export function readCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Give a whole number above 0.');
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
