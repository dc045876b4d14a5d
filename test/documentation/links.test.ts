import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { anchorsOf, firstColumn, linksOf, pages, readPage, root } from './markdown.ts';

describe('every page', () => {
  it.each(pages())('%s links to what is there', (page) => {
    const broken = linksOf(readPage(page)).filter((link) => {
      const [target = '', anchor] = link.split('#', 2);
      const file = target === '' ? page : path.join(path.dirname(page), target);
      if (!existsSync(path.join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(readPage(file)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('is linked from another, so that it can be found', () => {
    const linked = new Set(
      pages().flatMap((page) =>
        linksOf(readPage(page)).map((link) =>
          path.join(path.dirname(page), link.split('#', 1)[0]!),
        ),
      ),
    );
    // What hosting sites show by themselves, and the decisions, which are a numbered list.
    const known = new Set(['README.md', 'src/README.md']);
    const lost = pages().filter(
      (page) => !linked.has(page) && !known.has(page) && !page.startsWith('docs/adr/'),
    );
    expect(lost).toEqual([]);
  });
});

describe('docs/README.md', () => {
  it('leads to every other page in at most three clicks', () => {
    const reached = new Set(['docs/README.md']);
    for (let click = 1; click <= 3; click += 1) {
      for (const page of pages().filter((name) => reached.has(name))) {
        for (const link of linksOf(readPage(page))) {
          const target = link.split('#', 1)[0]!;
          if (target !== '') reached.add(path.join(path.dirname(page), target));
        }
      }
    }
    expect(pages().filter((page) => !reached.has(page))).toEqual([]);
  });
});

describe('docs/adr', () => {
  const decisions = pages().filter((page) => page.startsWith('docs/adr/'));

  it('is numbered without a gap, in the file name and in the title', () => {
    const numbers = decisions.map((page) => Number(path.basename(page).slice(0, 4)));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
    for (const page of decisions) {
      const number = Number(path.basename(page).slice(0, 4));
      expect(readPage(page)).toMatch(new RegExp(`^# ${number}\\. `));
    }
  });

  it.each(decisions)('%s says context, decision and consequences', (page) => {
    const text = readPage(page);
    for (const part of ['**Context.**', '**Decision.**', '**Consequences.**']) {
      expect(text).toContain(part);
    }
  });
});

describe('src/README.md', () => {
  /** In the order of the way of the data: a list that a person reads, and so is written here. */
  const stages = [
    'event/',
    'config/',
    'observability/',
    'tracing/',
    'validation/',
    'jetstream/',
    'http2/',
    'gate/',
    'delivery/',
    'destinations/',
    'dead-letters/',
    'quarantine/',
    'tail/',
    'canary/',
    'books/',
    'locate/',
    'registry/',
    'catalog/',
    'codegen/',
    'cli/',
  ];

  it('lists the folders of src, in the order of the stages', () => {
    const folders = readdirSync(path.join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${entry.name}/`);
    expect(firstColumn(readPage('src/README.md'))).toEqual(stages);
    expect(folders.toSorted()).toEqual(stages.toSorted());
  });

  it('names every file beside them', () => {
    const files = readdirSync(path.join(root, 'src')).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
    );
    for (const file of files) expect(readPage('src/README.md')).toContain(`\`${file}\``);
  });
});

describe('docs/architecture.md', () => {
  it('names files that are there', () => {
    const page = readPage('docs/architecture.md');
    const named = [...page.matchAll(/`((?:src\/)?[\w-]+\/[\w-]+\.ts)`/g)];
    expect(named.length).toBeGreaterThan(10);
    const missing = named
      .map((found) => (found[1]!.startsWith('src/') ? found[1]! : `src/${found[1]!}`))
      .filter((file) => !existsSync(path.join(root, file)));
    expect(missing).toEqual([]);
  });
});
