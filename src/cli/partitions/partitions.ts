import { Command, InvalidArgumentError } from 'commander';

import { settings } from '../../config/settings.ts';
import type { CommandContext } from '../command-context.ts';
import { configOption } from '../shared-options.ts';
import type { PartitionsFlags, SetFlags } from './run-partitions.ts';

/** `headgate partitions`: into how many streams the log of events is split. */
export function partitionsCommand(context: CommandContext): Command {
  const partitions = new Command('partitions')
    .description('show the partitions of the log of events, or change their number')
    .addOption(configOption())
    .addHelpText(
      'after',
      `
Reads the log of a running Headgate. Give it the settings and variables that the gate has.`,
    );
  const shared = (): PartitionsFlags => partitions.opts<PartitionsFlags>();
  partitions
    .command('show')
    .description('show each partition, also those that were closed and still hold events')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: true }) => {
      const { showPartitions } = await import('./run-partitions.ts');
      await showPartitions(context, { ...shared(), ...flags });
    });
  partitions
    .command('set')
    .description('close the partitions and go on with so many new ones; producers keep sending')
    .argument('<count>', 'how many', readCount)
    .option('--yes', 'do it without asking')
    .action(async (count: number, flags: Pick<SetFlags, 'yes'>, command: Command) => {
      const { setPartitions } = await import('./run-partitions.ts');
      await setPartitions(context, count, { ...shared(), ...flags }, command);
    });
  return partitions;
}

function readCount(text: string): number {
  const { min, max } = settings['log.partitions'];
  const count = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (count >= min && count <= max) return count;
  throw new InvalidArgumentError(`Give a number from ${min} to ${max}.`);
}
