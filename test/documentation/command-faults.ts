import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { CommanderError, type Command } from 'commander';

import { createProgram, loadCommands } from '../../src/cli/program.ts';
import { root } from './markdown.ts';

const makers = await loadCommands();

const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** Programs that pages name and that are not ours: the reader has them, or installs them. */
const otherPrograms = new Set(
  '. buf cargo cat cd cp curl docker export go grep grpcurl helm java jq kubectl mkdir mv mvn nats openssl printf python3 set setpriv sha256sum systemctl useradd'.split(
    ' ',
  ),
);

/** What is wrong with a command of a page. Undefined: nothing that shows without running it. */
export function faultOf([program = '', ...args]: readonly string[]): string | undefined {
  if (program === 'npx') return faultOf(args);
  if (program === 'headgate') return misunderstood(args.map(valueOf));
  if (program === 'npm') return npmFault(args);
  if (program === 'node' || program === 'sh') return fileFault(args[0]);
  if (program === 'vitest') return fileFault(args.find((arg) => arg.includes('/')));
  // Built by the command before it, or in the environment that it made.
  if (/^(\.venv\/)?bin\/|^target\//.test(program)) return undefined;
  return otherPrograms.has(program) ? undefined : `no known program: ${program}`;
}

/** A word in capitals stands for a value: `ID`. One that is a number and a text. */
const valueOf = (word: string): string => (/^[A-Z]+$/.test(word) ? '1' : word);

/** Undefined: the words are a command of ours, with its options and arguments. Nothing is run. */
function misunderstood(args: readonly string[]): string | undefined {
  const program = createProgram({ env: {} }, makers);
  silence(program);
  try {
    program.parse(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? undefined : error.message;
  }
}

/** A group without an action of its own keeps none: without a command below it, it is misunderstood. */
function silence(command: Command): void {
  command.configureOutput({ writeOut: () => {}, writeErr: () => {} });
  // Commander keeps this to itself. If it is ever renamed, we stop before a command is run.
  if (Reflect.has(command, '_actionHandler') && Reflect.get(command, '_actionHandler') !== null) {
    command.action(() => {});
  } else if (command.commands.length === 0) throw new Error(`${command.name()} might be run`);
  for (const child of command.commands) silence(child);
}

function npmFault([verb = '', name = '']: readonly string[]): string | undefined {
  if (['ci', 'install', 'pack', 'start', 'test'].includes(verb)) return undefined;
  return verb === 'run' && name in scripts ? undefined : `no script of package.json: ${name}`;
}

function fileFault(name = ''): string | undefined {
  return existsSync(path.join(root, name)) ? undefined : `no file: ${name}`;
}

/**
 * What is wrong with a command that a sentence mentions, without its first word `headgate`. It may leave
 * arguments out; words in capitals stand for values.
 */
export function mentionFault(words: readonly string[]): string | undefined {
  let command: Command = createProgram({ env: {} }, makers);
  const known = new Set(['--help', '--version']);
  for (const word of words) {
    if (word.startsWith('--')) {
      const option = /^--[\w-]+/.exec(word)![0];
      if (!known.has(option)) return `no option ${option}`;
      continue;
    }
    const next: Command | undefined = command.commands.find((child) => child.name() === word);
    if (next === undefined) {
      if (command.commands.length > 0 && /^[a-z]/.test(word)) return `no command ${word}`;
      continue;
    }
    command = next;
    for (const { long } of command.options) known.add(long ?? '');
  }
  return undefined;
}
