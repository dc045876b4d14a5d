import { execFileSync } from 'node:child_process';

import { describe, expect, it } from 'vitest';

import { faultOf, mentionFault } from './command-faults.ts';
import { fencesOf, pages, proseOf, readPage } from './markdown.ts';
import { commandsOf, shellOf } from './shell-commands.ts';

/** The shell of each block of each page. */
const scripts = pages().flatMap((page) =>
  fencesOf(readPage(page))
    .map(shellOf)
    .filter((script) => script !== '')
    .map((script) => ({ page, script })),
);

describe('the commands of the pages', () => {
  const shown = scripts.flatMap(({ page, script }) =>
    commandsOf(script).map((words) => ({ page, words })),
  );

  it('are found', () => {
    expect(shown.length).toBeGreaterThan(50);
    expect(new Set(shown.map(({ words }) => words[0]))).toContain('headgate');
  });

  it('are commands, options, scripts and files that there are', () => {
    const faults = shown.flatMap(({ page, words }) => {
      const fault = faultOf(words);
      return fault === undefined ? [] : [`${page}: ${words.join(' ')}: ${fault}`];
    });
    expect(faults).toEqual([]);
  });

  it('are shell that can be parsed', () => {
    const broken = scripts.filter(({ script }) => !isShell(script));
    expect(broken).toEqual([]);
    expect(isShell('echo "a')).toBe(false);
  });

  it.each([
    'npx headgate teil',
    'npx headgate dead list --destinations crm',
    'npx headgate schemas docs --format pdf',
    'npx headgate dead show',
    'headgate dead',
    'npm run fuz',
    'node scripts/generate-eror-docs.ts',
    'curll http://127.0.0.1:8080/',
  ])('with a slip are seen: %s', (line) => {
    expect(commandsOf(line).map(faultOf)).toEqual([expect.any(String)]);
  });

  it('are split as a shell does it', () => {
    const script =
      "A=1 headgate query \"select '\\$.a'\" | jq -r '.x | y' > out # why\nnpm ci && npm test\n";
    expect(commandsOf(script)).toEqual([
      ['headgate', 'query', "select '$.a'"],
      ['jq', '-r', '.x | y'],
      ['npm', 'ci'],
      ['npm', 'test'],
    ]);
  });
});

describe('commands in the middle of a sentence', () => {
  it('are commands and options that there are', () => {
    const mentions = pages().flatMap((page) =>
      [...proseOf(readPage(page)).matchAll(/`(?:npx )?headgate ([^`]+)`/g)].map(([, text]) => ({
        page,
        words: text!.split(/\s+/),
      })),
    );
    expect(mentions.length).toBeGreaterThan(50);
    const faults = mentions.flatMap(({ page, words }) => {
      const fault = mentionFault(words);
      return fault === undefined ? [] : [`${page}: ${words.join(' ')}: ${fault}`];
    });
    expect(faults).toEqual([]);
  });

  it('with a slip are seen', () => {
    expect(mentionFault(['dead', 'discard', 'ID', '--wy', 'X'])).toBeDefined();
    expect(mentionFault(['tial'])).toBeDefined();
    expect(mentionFault(['dead', 'discard', 'ID'])).toBeUndefined();
  });
});

function isShell(script: string): boolean {
  try {
    execFileSync('bash', ['-n', '-c', script], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
