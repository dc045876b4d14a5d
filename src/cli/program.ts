import { readFileSync } from 'node:fs';

import { Command, CommanderError } from 'commander';

import { StartError } from '../errors.ts';
import { archiveCommand } from './archive/archive.ts';
import { auditCommand } from './audit/audit.ts';
import { codegenCommand } from './codegen.ts';
import type { CommandContext } from './command-context.ts';
import { deadCommand } from './dead/dead.ts';
import { destinationsCommand } from './destinations.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { initCommand } from './init/init.ts';
import { keysCommand } from './keys/keys.ts';
import { mockCommand } from './mock.ts';
import { operatorsCommand } from './operators.ts';
import { partitionsCommand } from './partitions/partitions.ts';
import { queryCommand } from './query/query.ts';
import { reconcileCommand } from './reconcile/reconcile.ts';
import { redeliverCommand } from './redeliver/redeliver.ts';
import { rejectedCommand } from './rejected/rejected.ts';
import { relayCommand } from './relay/relay.ts';
import { schemasCommand } from './schemas/schemas.ts';
import { serveCommand } from './serve.ts';
import { tablesCommand } from './tables/tables.ts';
import { tailCommand } from './tail/tail.ts';
import { traceCommand } from './trace/trace.ts';
import { trackCommand } from './track/track.ts';
import { transformCommand } from './transform/transform.ts';
import { validateCommand } from './validate/validate.ts';

/** What scripts can rely on: 0 done, 1 could not be done, 2 the command was not understood. */
const exitFailed = 1;
const exitUsage = 2;

/** Every command, in the order in which `headgate --help` lists them. */
function commands(context: CommandContext): readonly Command[] {
  return [
    initCommand(),
    serveCommand(context),
    relayCommand(context),
    trackCommand(context),
    queryCommand(context),
    tailCommand(context),
    schemasCommand(context),
    codegenCommand(context),
    validateCommand(context),
    mockCommand(context),
    keysCommand(context),
    operatorsCommand(),
    rejectedCommand(context),
    deadCommand(context),
    destinationsCommand(context),
    tablesCommand(context),
    transformCommand(context),
    redeliverCommand(context),
    archiveCommand(context),
    traceCommand(context),
    auditCommand(context),
    partitionsCommand(context),
    reconcileCommand(context),
    doctorCommand(context),
  ];
}

/** The whole command line. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('headgate')
    .description('The front gate of an event pipeline: validate, store, deliver, find.')
    .version(readVersion())
    .showHelpAfterError('(add --help for what it takes)')
    .addHelpText('after', '\nExit codes: 0 done, 1 could not be done, 2 not understood.');
  for (const command of commands(context)) program.addCommand(command);
  exitByThrowing(program);
  return program;
}

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Commander would end the process itself, with exit code 1 for every usage error. */
function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitByThrowing(child);
}

/** Runs one command line. Sets the exit code. The process ends when all work is done. */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<void> {
  // The reader has closed the pipe (`| head`). This is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    console.error(`headgate: The output cannot be written: ${error.message}.`);
    process.exit(exitFailed);
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
