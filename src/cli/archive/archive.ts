import { Command, Option } from 'commander';

import type { CommandContext } from '../command-context.ts';
import { configOption } from '../shared-options.ts';
import { readCountUpTo, readMoment, readUser } from '../terminal/option-values.ts';
import type { ListFlags } from './list-archive.ts';
import type { ReplayFlags } from './replay-archive.ts';

const rateMax = 20_000;
const rateDefault = 1_000;

/** `headgate archive`: reads what an s3, gcs or parquet destination has stored. */
export function archiveCommand(context: CommandContext): Command {
  const archive = new Command('archive').description(
    'list the events of an archive (s3, gcs, parquet), or send them again',
  );
  selecting(archive.command('list'))
    .description('show how many events an archive has, by day and event')
    .addHelpText('after', listHelp)
    .action(async (flags: ListFlags) => {
      // Loaded here, because other commands do not need it.
      const { listArchive } = await import('./list-archive.ts');
      await listArchive(context, flags);
    });
  selecting(archive.command('replay'))
    .description('send the events of an archive to a destination, or through the gate')
    .option('--destination <name>', 'the destination that takes them')
    .option('--through-gate', 'send them to the gate as new events, validated as any other')
    .option('--source <name>', 'of this source alone; shop-* is a pattern')
    .option('--user <id>', 'of the person with this user id or anonymous id', readUser)
    .option('--rate <count>', 'at most so many per second', readCountUpTo(rateMax), rateDefault)
    .option('--dry-run', 'count what would be sent, and do nothing')
    .option('--state <file>', 'where it is kept what was sent (default: named after both ends)')
    .optionsGroup('Through the gate:')
    .option('--url <url>', 'the gate (default: HEADGATE_URL, or listen)')
    .option('--key <key>', 'the write key (default: HEADGATE_WRITE_KEY, which ps does not show)')
    .addHelpText('after', replayHelp)
    .action(async (flags: ReplayFlags) => {
      const { replayArchive } = await import('./replay-archive.ts');
      await replayArchive(context, flags);
    });
  return archive;
}

function selecting(command: Command): Command {
  return command
    .addOption(
      new Option('--archive <name>', 'the destination that is read; needed if there are several'),
    )
    .option('--since <time>', 'happened since: 7d ago, or 2026-03-01', readMoment)
    .option('--until <time>', 'happened before then', readMoment)
    .option('--event <name>', 'of this event alone; order_* is a pattern')
    .option('--json', 'print JSON')
    .addOption(configOption());
}

const listHelp = `
Days are whole days in UTC: a time within one shows all of it.

Example:
  $ headgate archive list --since 2026-03-01 --until 2026-04-01`;

const replayHelp = `
Events keep their event_id, and the rules and the transform of the destination apply. Started again with
the same options, it goes on after the last object that was sent whole; of the next, the destination
may get events a second time.

Exit code: 0 when everything was taken, 1 when an event was refused or the replay was stopped.

Examples:
  $ headgate archive replay --destination new_warehouse --dry-run
  $ headgate archive replay --destination new_warehouse --since 2026-01-01 --event 'order_*'
  $ headgate archive replay --through-gate --source checkout --rate 200`;
