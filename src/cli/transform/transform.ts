import { Command } from 'commander';

import type { CommandContext } from '../command-context.ts';
import { configOption } from '../shared-options.ts';
import { readCountUpTo, readMoment } from '../terminal/option-values.ts';
import type { TryFlags } from './try-transform.ts';

/** `headgate transform try`: what the transform of a destination does to stored events. */
export function transformCommand(context: CommandContext): Command {
  const transform = new Command('transform').description(
    'see what the transform of a destination does',
  );
  transform
    .command('try')
    .description('show stored events before and after the transform, and deliver nothing')
    .requiredOption('--destination <name>', 'the destination, with its transform in the settings')
    .option(
      '--since <time>',
      'events stored from this time on, or for so long: 24h (the default), 7d, 2026-03-01T00:00:00Z',
      readMoment,
    )
    .option(
      '--limit <n>',
      'how many events at most (default: 100, at most 100000)',
      readCountUpTo(limitMax),
    )
    .addOption(configOption())
    .option('--json', 'print a JSON object for each event')
    .addHelpText(
      'after',
      `
Reads the log of a running Headgate. Give it the settings that the gate has, or those that it is to get.

Example:
  $ headgate transform try --destination crm --since 1h`,
    )
    .action(async (flags: TryFlags) => {
      // Loaded here, because other commands do not need it.
      const { tryTransform } = await import('./try-transform.ts');
      await tryTransform(context, flags);
    });
  return transform;
}

const limitMax = 100_000;
