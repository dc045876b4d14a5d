import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';

import { DeadLetterSchema, type DeadLetter } from '../../gen/headgate/v1/dead_letter_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { connectAdmin, type AdminClient as AnyAdminClient } from './admin-client.ts';
import type { CommandContext } from './command-context.ts';

type AdminClient = AnyAdminClient<typeof DeadLetterService>;

interface Filter {
  readonly destination: string;
  readonly event: string;
}

interface JsonOption {
  readonly json?: true;
}

/** How many are asked for at a time. */
const pageSize = 100;

/** `headgate dead`: the events that a destination could not be given. Talks to the admin port. */
export function deadCommand({ env }: CommandContext): Command {
  const dead = new Command('dead')
    .description('look at dead letters, replay them, or discard them')
    .option('--admin <url>', 'the admin port (default: HEADGATE_ADMIN_LISTEN)')
    .addHelpText('after', '\nThe token of the admin port is taken from HEADGATE_ADMIN_TOKEN.');
  const client = (): AdminClient => connectAdmin(DeadLetterService, dead.opts<{ admin?: string }>().admin, env);
  withFilter(dead.command('list'))
    .description('show what there is, oldest first')
    .option('--limit <count>', 'at most so many', readCount, 50)
    .option('--json', 'print JSON, one dead letter a line')
    .action((options: Filter & JsonOption & { limit: number }) => list(client(), options));
  dead
    .command('show <id>')
    .description('show one, with its event and every attempt')
    .option('--json', 'print JSON')
    .action((id: string, options: JsonOption) => show(client(), id, options));
  const replay = withFilter(dead.command('replay [id]'))
    .description('hand the event to its destination again, under the same event_id')
    .option('--all', 'every one that --destination and --event name')
    .option('--yes', 'with --all: do it, rather than say how many there are')
    .option('--json', 'print JSON');
  replay.action(async (id: string | undefined, options: ReplayOptions) => {
    if ((id === undefined) === (options.all === undefined)) {
      replay.error('error: name one dead letter, or say --all');
    }
    if (id !== undefined) await replayEach(client(), [id], options);
    else await replayAll(client(), options, replay);
  });
  dead
    .command('discard <id>')
    .description('give an event up for good; the entry is kept with the reason')
    .requiredOption('--why <text>', 'the reason')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & { why: string }) => {
      await client().call((service) => service.discardDeadLetter({ id, why: options.why }));
      print(options.json ? JSON.stringify({ id, discarded: true }) : `discarded ${id}`);
    });
  return dead;
}

type ReplayOptions = Filter & JsonOption & { readonly all?: true; readonly yes?: true };

function withFilter(command: Command): Command {
  return command
    .option('--destination <name>', 'of this destination alone', '')
    .option('--event <name>', 'of this event alone', '');
}

async function list(
  client: AdminClient,
  options: Filter & JsonOption & { limit: number },
): Promise<void> {
  const { deadLetters, total } = await readAll(client, options, options.limit);
  if (options.json) {
    for (const letter of deadLetters) print(JSON.stringify(toJson(DeadLetterSchema, letter)));
    return;
  }
  const rows = deadLetters.map(rowOf);
  if (process.stdout.isTTY && rows.length > 0) print(tableOf(rows));
  else for (const row of rows) print(row.join('\t'));
  if (rows.length === 0) process.stderr.write('No dead letters.\n');
  else if (process.stdout.isTTY) print(`${deadLetters.length} of ${total}`);
}

async function readAll(
  client: AdminClient,
  filter: Filter,
  limit: number,
): Promise<{ deadLetters: DeadLetter[]; total: number }> {
  const deadLetters: DeadLetter[] = [];
  let pageToken = '';
  for (;;) {
    const size = Math.min(pageSize, limit - deadLetters.length);
    const page = await client.call((service) =>
      service.listDeadLetters({
        destination: filter.destination,
        eventName: filter.event,
        pageSize: size,
        pageToken,
      }),
    );
    deadLetters.push(...page.deadLetters);
    pageToken = page.nextPageToken;
    if (pageToken === '' || deadLetters.length >= limit) {
      return { deadLetters, total: Number(page.total) };
    }
  }
}

async function show(client: AdminClient, id: string, options: JsonOption): Promise<void> {
  const { deadLetter } = await client.call((service) => service.getDeadLetter({ id }));
  const value = toJson(DeadLetterSchema, deadLetter!);
  // JSON escapes what would be a command to the terminal; what other systems wrote is in here.
  print(JSON.stringify(value, undefined, options.json ? undefined : 2));
}

/**
 * All ids are read before the first replay: what fails again is a new entry, and would be read too.
 */
async function replayAll(
  client: AdminClient,
  options: ReplayOptions,
  command: Command,
): Promise<void> {
  if (!options.yes) {
    const { total } = await readAll(client, options, 1);
    command.error(`error: this would replay ${total}; add --yes to do it`);
  }
  const { deadLetters } = await readAll(client, options, Number.POSITIVE_INFINITY);
  await replayEach(
    client,
    deadLetters.map(({ id }) => id),
    options,
  );
}

async function replayEach(
  client: AdminClient,
  ids: readonly string[],
  options: JsonOption,
): Promise<void> {
  for (const id of ids) {
    const { sequence } = await client.call((service) => service.replayDeadLetter({ id }));
    print(
      options.json
        ? JSON.stringify({ id, sequence: String(sequence) })
        : `replayed ${id} (REPLAY ${sequence})`,
    );
  }
  if (!options.json && ids.length !== 1) print(`${ids.length} replayed`);
}

const headings = ['id', 'event', 'since', 'attempts', 'reason'];
const reasonCharactersMax = 60;

function rowOf(letter: DeadLetter): string[] {
  const since = letter.deadAt === undefined ? '' : timestampDate(letter.deadAt).toISOString();
  // The reason is another system's text, which must not reach the terminal as commands.
  const reason = letter.reason.replaceAll(/\p{Cc}/gu, ' ');
  return [
    letter.id,
    letter.event?.eventName ?? '',
    since,
    String(letter.attempts.length),
    reason.length > reasonCharactersMax ? `${reason.slice(0, reasonCharactersMax - 1)}…` : reason,
  ];
}

function tableOf(rows: readonly string[][]): string {
  const table = new Table({ head: headings, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return table.toString();
}

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Give a whole number above 0.');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
