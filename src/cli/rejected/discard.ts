import { Command } from 'commander';

import { print } from '../terminal/print.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';
import { filterMessage, withFilter, type FilterOptions } from './filter.ts';
import { readNumber, type RejectedClient } from './rejected-client.ts';

interface DiscardOptions extends FilterOptions {
  readonly why: string;
  readonly all?: true;
  readonly yes?: true;
  readonly json?: true;
}

const pageSize = 500;

/** `headgate rejected discard`: gives rejected events up, with a reason. */
export function discardCommand(client: () => RejectedClient): Command {
  const discard = withFilter(new Command('discard'))
    .description('give rejected events up for good; the reason is kept')
    .argument('[number]', 'one event, by its number in "rejected list"', readNumber)
    .option('--all', 'all that match the filters')
    .requiredOption('--why <text>', 'the reason')
    .option('--yes', 'with --all: discard, instead of counting')
    .option('--json', 'print JSON')
    .addHelpText('after', help);
  return discard.action((number: bigint | undefined, options: DiscardOptions) => {
    if ((number === undefined) === (options.all === undefined)) {
      discard.error('error: name one rejected event, or say --all');
    }
    return number === undefined
      ? discardAll(client(), options, discard)
      : discardOne(client(), number, options);
  });
}

const help = `
A discarded event is not replayed any more. "rejected list --discarded" shows it with the reason, until
it is deleted: when its retention has passed (rejected.retention), or when its room is needed.

Examples:
  $ headgate rejected discard 4711 --why "test data"
  $ headgate rejected discard --all --source shop --since 24h --why "load test" --yes`;

async function discardOne(
  client: RejectedClient,
  sequence: bigint,
  { why, json }: DiscardOptions,
): Promise<void> {
  await client.call((service) => service.discardRejected({ sequence, why }));
  print(json ? JSON.stringify({ discarded: 1, dryRun: false }) : `discarded ${sequence}`);
}

async function discardAll(
  client: RejectedClient,
  options: DiscardOptions,
  command: Command,
): Promise<void> {
  const { why, json } = options;
  const dryRun = options.yes === undefined;
  const request = { filter: filterMessage(options), pageSize, dryRun, why };
  const progress = createWalkProgressBar(process.stderr);
  let discarded = 0;
  let pageToken = '';
  const tally = (): string =>
    `${discarded.toLocaleString('en')} ${dryRun ? 'would be discarded' : 'discarded'}`;
  try {
    do {
      const page = await client.call((service) =>
        service.discardRejected({ ...request, pageToken }),
      );
      discarded += page.sequences.length;
      progress.reached(page.walk, tally());
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  } finally {
    progress.stop();
  }
  print(json ? JSON.stringify({ discarded, dryRun }) : tally());
  if (dryRun) command.error('error: nothing was changed; add --yes to do it');
}
