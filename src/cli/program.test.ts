import { readdirSync, readFileSync } from 'node:fs';

import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';

import { createProgram, loadCommands } from './program.ts';

const folder = new URL('../../docs/reference/command-line/', import.meta.url);
/** The pages of the commands; README.md leads to them. */
const files = readdirSync(folder).filter((name) => name !== 'README.md');
const page = files.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');

interface Entry {
  /** `headgate keys new` */
  readonly name: string;
  readonly command: Command;
}

/** Every command that does something. Most groups only contain commands. */
function leaves(command: Command, name: string): Entry[] {
  const below = command.commands.flatMap((child) => leaves(child, `${name} ${child.name()}`));
  // A group with a section of the page also does something itself.
  const isShown = below.length === 0 || page.includes(`\n## \`${name}\`\n`);
  return isShown ? [{ name, command }, ...below] : below;
}

const entries = leaves(createProgram({ env: {} }, await loadCommands()), 'headgate');

/** The part of the page under the heading of a command or of its group. */
function sectionOf(name: string): string {
  const start = page.indexOf(`\n## \`${name}\`\n`);
  if (start === -1) return '';
  // The next command, or the title of the next page.
  const section = page.slice(start + 1);
  const end = section.search(/\n##? /);
  return end === -1 ? section : section.slice(0, end);
}

const all = createProgram({ env: {} }, await loadCommands()).commands.map((one) => one.name());

describe('a command line', () => {
  it.each(all)('loads nothing but its command: %s', async (name) => {
    const program = createProgram({ env: {} }, await loadCommands(name));
    expect(program.commands.map((command) => command.name())).toEqual([name]);
  });

  it.each([undefined, '--help', 'help', 'trak', 'constructor'])(
    'loads every command where it names none: %s',
    async (name) => {
      const program = createProgram({ env: {} }, await loadCommands(name));
      expect(program.commands.map((command) => command.name())).toEqual(all);
      expect(all).toHaveLength(24);
    },
  );
});

describe('docs/reference/command-line', () => {
  it.each(entries)('has $name, its options and an example', ({ name, command }) => {
    const section = sectionOf(name);
    expect(section).not.toBe('');
    expect(section).toContain(`$ ${name}`);
    for (const option of command.options) expect(section).toContain(`\`${option.long}`);
    for (const argument of command.registeredArguments) {
      expect(section.toUpperCase()).toContain(argument.name().toUpperCase());
    }
  });

  it('has no unknown command', () => {
    const named = [...page.matchAll(/^## `(headgate [^`]+)`$/gm)].map((found) => found[1]);
    expect(new Set(named)).toEqual(new Set(entries.map(({ name }) => name)));
  });

  it('names no unknown option', () => {
    for (const { name, command } of entries) {
      const known = new Set(['--help', ...(optionsAbove(command) ?? [])]);
      const used = [...sectionOf(name).matchAll(/`(--[a-z-]+)/g)].map((found) => found[1]!);
      expect(used.filter((option) => !known.has(option))).toEqual([]);
    }
  });
});

function optionsAbove(command: Command | null): string[] {
  if (command === null) return [];
  return [...command.options.map(({ long }) => long ?? ''), ...optionsAbove(command.parent)];
}
