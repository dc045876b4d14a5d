import { readFileSync } from 'node:fs';

import { Command, CommanderError } from 'commander';

import { StartError } from '../errors.ts';
import { codegenCommand } from './codegen.ts';
import type { CommandContext } from './command-context.ts';
import { deadCommand } from './dead/dead.ts';
import { destinationsCommand } from './destinations.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { keysCommand } from './keys.ts';
import { queryCommand } from './query/query.ts';
import { reconcileCommand } from './reconcile/reconcile.ts';
import { rejectedCommand } from './rejected/rejected.ts';
import { schemasActivateCommand } from './schemas/activate.ts';
import { schemasCheckCommand } from './schemas/check.ts';
import { schemasDeprecateCommand } from './schemas/deprecate.ts';
import { schemasDocsCommand } from './schemas/docs.ts';
import { schemasListCommand } from './schemas/list.ts';
import { schemasPushCommand } from './schemas/push.ts';
import { schemasTryCommand } from './schemas/try.ts';
import { serveCommand } from './serve.ts';
import { tailCommand } from './tail/tail.ts';
import { traceCommand } from './trace/trace.ts';
import { trackCommand } from './track/track.ts';
import { validateCommand } from './validate/validate.ts';

/** What scripts can rely on: 0 done, 1 could not be done, 2 the command was not understood. */
const exitFailed = 1;
const exitUsage = 2;

/** The whole command line. */
export function createProgram(context: CommandContext): Command {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  const program = new Command('headgate')
    .description('The front gate of an event pipeline: validate, store, deliver, find.')
    .version(version)
    .showHelpAfterError('(add --help for what it takes)')
    .addHelpText('after', '\nExit codes: 0 done, 1 could not be done, 2 not understood.');
  program.addCommand(serveCommand(context));
  program.addCommand(trackCommand(context));
  program.addCommand(queryCommand(context));
  program.addCommand(tailCommand(context));
  program.addCommand(
    new Command('schemas')
      .description('the contracts of the events')
      .addCommand(schemasCheckCommand())
      .addCommand(schemasTryCommand(context))
      .addCommand(schemasPushCommand(context))
      .addCommand(schemasListCommand(context))
      .addCommand(schemasActivateCommand(context))
      .addCommand(schemasDeprecateCommand(context))
      .addCommand(schemasDocsCommand(context)),
  );
  program.addCommand(codegenCommand());
  program.addCommand(validateCommand());
  program.addCommand(keysCommand());
  program.addCommand(rejectedCommand(context));
  program.addCommand(deadCommand(context));
  program.addCommand(destinationsCommand(context));
  program.addCommand(traceCommand(context));
  program.addCommand(reconcileCommand(context));
  program.addCommand(doctorCommand(context));
  exitByThrowing(program);
  return program;
}

/** Commander would end the process by itself, with 1 for every misunderstanding. */
function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitByThrowing(child);
}

/** Runs one command line. Sets the exit code; the process ends once nothing is left to do. */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<void> {
  // Whoever reads us has seen enough (`| head`): that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await createProgram(context).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : exitUsage;
    } else if (error instanceof StartError) {
      console.error(`headgate: ${error.message}`);
      process.exitCode = exitFailed;
    } else {
      throw error;
    }
  }
}
