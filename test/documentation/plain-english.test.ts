import { readdirSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { pages, readPage, root } from './markdown.ts';
import { privateWordsIn } from './private-words.ts';
import { textOfPage, textOfProto, textOfTypeScript, textOfYaml } from './written-text.ts';

describe('a page', () => {
  it.each(pages())('is in plain English: %s', (page) => {
    expect(privateWordsIn(textOfPage(readPage(page)))).toEqual([]);
  });

  it.each(pages())('has no marks of an unfinished merge: %s', (page) => {
    expect(readPage(page)).not.toMatch(/^(<{7}|={7}|>{7})( |$)/m);
  });
});

describe('the check', () => {
  it('finds a private word, also across a line end, and suggests the right one', () => {
    expect(privateWordsIn(textOfPage('# Doors\n\nIt is set\naside.'))).toEqual([
      'line 1: Doors (write: endpoint)',
      'line 3: set aside (write: delayed, renamed)',
    ]);
  });

  it('leaves names alone: in code, in links, in the header, in a longer word', () => {
    const page =
      'The field `door`, [ADR 5](0005-unary-doors-of-our-own.md), Headgate-Door, the runbooks,\n' +
      'recommended.\n\n```\nIt is told.\n```\n';
    expect(privateWordsIn(textOfPage(page))).toEqual([]);
  });

  it('reads the comments and sentences of TypeScript, and not its names', () => {
    const source = [
      "const door = 'door'; // The door of a call.",
      '/** Mends what `told` says. */',
      "const text = `Whoever ${watches} is told`, pattern = /it's a door/;",
      "const name = 'it is judged';",
    ].join('\n');
    expect(privateWordsIn(textOfTypeScript(source))).toEqual([
      'line 1: door (write: endpoint)',
      'line 2: Mends (write: fix, correct)',
      'line 3: told (write: report, return, log, say)',
      'line 4: judged (write: validate, validation result)',
    ]);
  });

  it('reads the comments of proto files, and comments and texts of YAML', () => {
    expect(privateWordsIn(textOfProto('string door = 1; // A door.'))).toHaveLength(1);
    const yaml = 'door: 1 # A door.\nsummary: "The gate tells it."\nports: [{ port: doors }]\n';
    expect(privateWordsIn(textOfYaml(yaml))).toEqual([
      'line 1: door (write: endpoint)',
      'line 2: tells (write: report, return, log, say)',
    ]);
  });
});

describe('the source', () => {
  const readers: readonly (readonly [ending: RegExp, read: (source: string) => string])[] = [
    [/\.(?:ts|js|mjs)$/, textOfTypeScript],
    [/\.proto$/, textOfProto],
    [/\.(?:yaml|conf|sh)$/, textOfYaml],
  ];

  it.each(['src', 'client/src', 'proto', 'deploy'])('is in plain English: %s', (folder) => {
    const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(folder, name))
      .filter((file) => !file.includes('src/gen/'));
    const found = files.flatMap((file) => {
      const read = readers.find(([ending]) => ending.test(file))?.[1];
      if (read === undefined) return [];
      return privateWordsIn(read(readPage(file))).map((finding) => `${file}: ${finding}`);
    });
    expect(files.length).toBeGreaterThan(4);
    expect(found).toEqual([]);
  });
});
