import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';

import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';

import { createProgram, loadCommands } from '../../src/cli/program.ts';
import { root } from '../documentation/markdown.ts';
import { runCli } from './run-cli.ts';

function pathsOf(command: Command, path: readonly string[] = []): (readonly string[])[] {
  const below = command.commands.flatMap((child) => pathsOf(child, [...path, child.name()]));
  return [path, ...below];
}

const program = createProgram({ env: {} }, await loadCommands());
const paths = pathsOf(program);

/** Every option with a default, and what the help says of it. */
function defaultsOf(command: Command, path: readonly string[] = []): [string, string][] {
  const help = command.createHelp();
  const own = command.options.flatMap((option): [string, string][] => {
    const shown = /\(default: ([^)]*)\)/.exec(help.optionDescription(option))?.[1];
    return shown === undefined ? [] : [[[...path, option.flags].join(' '), shown]];
  });
  const below = command.commands.flatMap((child) => defaultsOf(child, [...path, child.name()]));
  return [...own, ...below];
}

const defaults = defaultsOf(program);

describe('headgate', () => {
  it.each(paths.map((path) => [path.join(' '), path] as const))(
    'has help for "%s"',
    async (_name, path) => {
      const answer = await runCli([...path, '--help']);
      expect(answer).toMatchObject({ code: 0, stderr: '' });
      expect(answer.stdout).toMatch(new RegExp(`^Usage: ${['headgate', ...path].join(' ')}\\b`));
    },
  );

  // A number of milliseconds, an empty text and JSON are how the code keeps a default.
  it.each(defaults)('shows the default of %s as people write it: %s', (name, shown) => {
    expect(shown).not.toMatch(/^(""|[[{].*|\d{5,})$/);
    // A number without its unit.
    expect(/^\d+$/.test(shown) && !name.includes('<count>')).toBe(false);
  });

  it('says in a sentence that its output cannot be written', () => {
    if (!existsSync('/dev/full')) return console.warn('skipped: this system has no /dev/full');
    const full = openSync('/dev/full', 'w');
    const answer = spawnSync(process.execPath, [path.join(root, 'bin/headgate.js'), '--version'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(answer.stderr).toBe(
      'headgate: The output cannot be written: ENOSPC: no space left on device, write.\n',
    );
    expect(answer.status).toBe(1);
  });

  it('prints its version', async () => {
    const answer = await runCli(['--version']);
    expect(answer.code).toBe(0);
    expect(answer.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['trak'], "unknown command 'trak'"],
    [['track', '--evnt', 'a'], "unknown option '--evnt'"],
    [['query'], "missing required argument 'sql'"],
    [['query', 'select 1', '--csv', '--json'], 'cannot be used with'],
    [['keys'], 'Usage: headgate keys'],
    [[], 'Usage: headgate'],
  ])('does not understand %j, and says so with 2', async (args, sentence) => {
    const answer = await runCli(args);
    expect(answer).toMatchObject({ code: 2, stdout: '' });
    expect(answer.stderr).toContain(sentence);
  });
});
