import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';

import { Command, InvalidArgumentError } from 'commander';

import { StartError } from '../../errors.ts';
import { print } from '../terminal/print.ts';
import { initFiles, isTeam } from './files.ts';

interface InitOptions {
  readonly dir: string;
  readonly team?: string;
}

/** `headgate init`: writes a configuration and a folder of contracts to begin with. */
export function initCommand(): Command {
  return new Command('init')
    .description('write a commented headgate.yaml and a schemas folder to begin with')
    .option('--dir <dir>', 'where to write them', '.')
    .option(
      '--team <name>',
      'who owns the events; else it is asked, or the name of the folder',
      readTeam,
    )
    .addHelpText(
      'after',
      `
Overwrites nothing: it ends with 1 if headgate.yaml or schemas is there. Asks nothing without a terminal.
What it writes turns no event away: names without a contract are stored, and marked.

Example:
  $ headgate init --team checkout`,
    )
    .action(init);
}

function readTeam(text: string): string {
  if (isTeam(text)) return text;
  throw new InvalidArgumentError('Use at most 64 letters, digits, and . _ - between them.');
}

async function init({ dir, team }: InitOptions): Promise<void> {
  for (const name of ['headgate.yaml', 'schemas']) {
    if (!existsSync(path.join(dir, name))) continue;
    throw new StartError(
      `${path.join(dir, name)} is there, and nothing was written. Move it, or name another folder: --dir.`,
    );
  }
  const folder = path.basename(path.resolve(dir));
  const owner = team ?? (await askTeam(isTeam(folder) ? folder : 'my-team'));
  try {
    for (const file of initFiles(owner)) {
      const target = path.join(dir, ...file.path.split('/'));
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, file.text, { flag: 'wx' });
      print(`wrote ${target}`);
    }
  } catch (error) {
    throw new StartError(`The files cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
  process.stderr.write(nextSteps(dir));
}

/** The answer of a person on the terminal. Without a terminal, or without an answer, `suggested`. */
async function askTeam(suggested: string): Promise<string> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return suggested;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    for (;;) {
      const answer = (
        await terminal.question(`Which team owns the events? [${suggested}] `)
      ).trim();
      if (answer === '') return suggested;
      if (isTeam(answer)) return answer;
      process.stderr.write('Use at most 64 letters, digits, and . _ - between them.\n');
    }
  } finally {
    terminal.close();
  }
}

function nextSteps(dir: string): string {
  const there = path.resolve(dir) === process.cwd() ? '' : `  cd ${dir}\n`;
  return `
Next:
${there}  npx headgate serve                 start it; add data/ to .gitignore
  npx headgate track --event Login --user u-1
  npx headgate schemas list          what came, with and without a contract
  npx headgate doctor                is everything in place
`;
}
