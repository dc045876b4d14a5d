import { Command } from 'commander';

import type { CommandContext } from '../command-context.ts';
import { configOption, schemasOption } from '../shared-options.ts';
import type { PlanFlags } from './plan-tables.ts';

/** `headgate tables plan`: what the contracts would do to the tables of destinations. */
export function tablesCommand(context: CommandContext): Command {
  const tables = new Command('tables').description(
    'see the tables with typed columns that destinations make',
  );
  tables
    .command('plan')
    .description('print the statements that the contracts in a folder would cause, and run none')
    .option('--destination <name>', 'only this one (default: each with tables: per_event or both)')
    .addOption(schemasOption())
    .addOption(configOption())
    .addHelpText(
      'after',
      `
Where the database answers, only what its tables lack is printed. Of snowflake destinations the statements that make
the tables are printed; of parquet, s3, gcs and bigquery destinations the folders or tables and their columns, as
comments. A table that cannot take events as it is is named on stderr.

Exit code: 0 when it is printed, 1 when a table cannot take events or the schemas are not sound.

Example:
  $ headgate tables plan --destination warehouse`,
    )
    .action(async (flags: PlanFlags) => {
      // Loaded here, because other commands do not need it.
      const { planTables } = await import('./plan-tables.ts');
      await planTables(context, flags);
    });
  return tables;
}
