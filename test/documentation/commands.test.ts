import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';

import { createProgram } from '../../src/cli/program.ts';
import { pages, readPage } from './markdown.ts';

const program = createProgram({ env: {} });

/** `headgate dead list --since 2h`, without the prompt; a line that ends in `\` goes on. */
function commandsOf(text: string): string[] {
  const lines = text.replaceAll(/\\\n\s*/g, '').matchAll(/^\s*\$ (?:npx )?headgate (.+)$/gm);
  return [...lines].map((found) => found[1]!);
}

/** What is wrong with a command line: a command or an option that does not exist. */
function faultOf(line: string): string | undefined {
  let command: Command = program;
  const known = new Set<string>();
  // Text in quotes may hold anything.
  for (const word of line.replaceAll(/'[^']*'|"[^"]*"/g, 'TEXT').split(/\s+/)) {
    const below = command.commands.find((one) => one.name() === word);
    if (below !== undefined) command = below;
    for (const { long } of command.options) known.add(long ?? '');
    if (word.startsWith('--') && !known.has(word)) return `${word} is not an option: ${line}`;
  }
  const isDone = command.commands.length === 0 || command.name() === 'destinations';
  return isDone ? undefined : `a command is missing: ${line}`;
}

describe('the commands that the pages show', () => {
  const shown = pages().flatMap((page) => commandsOf(readPage(page)));

  it('exist, with their options', () => {
    expect(shown.length).toBeGreaterThan(40);
    expect(shown.map(faultOf).filter((fault) => fault !== undefined)).toEqual([]);
  });
});
