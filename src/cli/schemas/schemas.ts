import { Command } from 'commander';

import type { CommandContext } from '../command-context.ts';
import { schemasActivateCommand } from './activate.ts';
import { schemasCheckCommand } from './check.ts';
import { schemasDeprecateCommand } from './deprecate.ts';
import { schemasDocsCommand } from './docs.ts';
import { schemasImportCommand } from './import.ts';
import { schemasInferCommand } from './infer/infer.ts';
import { schemasListCommand } from './list.ts';
import { schemasPushCommand } from './push.ts';
import { schemasTryCommand } from './try/try.ts';

/** `headgate schemas`: the contracts of the events. */
export function schemasCommand(context: CommandContext): Command {
  return new Command('schemas')
    .description('the contracts of the events')
    .addCommand(schemasCheckCommand(context))
    .addCommand(schemasInferCommand(context))
    .addCommand(schemasImportCommand(context))
    .addCommand(schemasTryCommand(context))
    .addCommand(schemasPushCommand(context))
    .addCommand(schemasListCommand(context))
    .addCommand(schemasActivateCommand(context))
    .addCommand(schemasDeprecateCommand(context))
    .addCommand(schemasDocsCommand(context));
}
