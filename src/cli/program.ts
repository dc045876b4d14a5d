import { readFileSync } from 'node:fs';

import { Command, CommanderError } from 'commander';

import { StartError } from '../errors.ts';
import type { CommandContext } from './command-context.ts';

/** What scripts can rely on: 0 done, 1 could not be done, 2 the command was not understood. */
const exitFailed = 1;
const exitUsage = 2;

/** Makes a command, with the commands below it. */
export type CommandMaker = (context: CommandContext) => Command;

/**
 * Every command, in the order in which `headgate --help` lists them. Each is loaded by its name,
 * because the code of all of them would slow down every start and stay in the memory of a gate.
 */
const loaders: Readonly<Record<string, () => Promise<CommandMaker>>> = {
  init: async () => (await import('./init/init.ts')).initCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
  relay: async () => (await import('./relay/relay.ts')).relayCommand,
  track: async () => (await import('./track/track.ts')).trackCommand,
  query: async () => (await import('./query/query.ts')).queryCommand,
  tail: async () => (await import('./tail/tail.ts')).tailCommand,
  schemas: async () => (await import('./schemas/schemas.ts')).schemasCommand,
  codegen: async () => (await import('./codegen.ts')).codegenCommand,
  validate: async () => (await import('./validate/validate.ts')).validateCommand,
  mock: async () => (await import('./mock.ts')).mockCommand,
  keys: async () => (await import('./keys/keys.ts')).keysCommand,
  operators: async () => {
    const { operatorsCommand } = await import('./operators.ts');
    return () => operatorsCommand();
  },
  rejected: async () => (await import('./rejected/rejected.ts')).rejectedCommand,
  dead: async () => (await import('./dead/dead.ts')).deadCommand,
  destinations: async () => (await import('./destinations.ts')).destinationsCommand,
  tables: async () => (await import('./tables/tables.ts')).tablesCommand,
  transform: async () => (await import('./transform/transform.ts')).transformCommand,
  redeliver: async () => (await import('./redeliver/redeliver.ts')).redeliverCommand,
  archive: async () => (await import('./archive/archive.ts')).archiveCommand,
  trace: async () => (await import('./trace/trace.ts')).traceCommand,
  audit: async () => (await import('./audit/audit.ts')).auditCommand,
  partitions: async () => (await import('./partitions/partitions.ts')).partitionsCommand,
  reconcile: async () => (await import('./reconcile/reconcile.ts')).reconcileCommand,
  doctor: async () => (await import('./doctor/doctor.ts')).doctorCommand,
};

/** The one command that a command line names; all of them where it names none, such as for `--help`. */
export async function loadCommands(name?: string): Promise<readonly CommandMaker[]> {
  const named = name !== undefined && Object.hasOwn(loaders, name) ? [loaders[name]!] : undefined;
  return Promise.all((named ?? Object.values(loaders)).map((load) => load()));
}

/** The command line, with these commands. */
export function createProgram(context: CommandContext, makers: readonly CommandMaker[]): Command {
  const program = new Command('headgate')
    .description('The front gate of an event pipeline: validate, store, deliver, find.')
    .version(readVersion())
    .showHelpAfterError('(add --help for what it takes)')
    .addHelpText('after', '\nExit codes: 0 done, 1 could not be done, 2 not understood.');
  for (const make of makers) program.addCommand(make(context));
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
    const commands = await loadCommands(args[0]);
    await createProgram(context, commands).parseAsync(args, { from: 'user' });
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
