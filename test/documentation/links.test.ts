import { existsSync, globSync, readdirSync } from 'node:fs';
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
  it('lists every decision', () => {
    const links = new Set(linksOf(readPage('docs/README.md')));
    const decisions = pages().filter((page) => page.startsWith('docs/adr/'));
    expect(decisions.filter((page) => !links.has(path.relative('docs', page)))).toEqual([]);
  });

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
    'http/',
    'gate/',
    'nats-intake/',
    'mock/',
    'transform/',
    'delivery/',
    'destinations/',
    'dead-letters/',
    'quarantine/',
    'reconciliation/',
    'redelivery/',
    'locate/',
    'audit/',
    'tail/',
    'counts/',
    'canary/',
    'registry/',
    'keys/',
    'doctor/',
    'catalog/',
    'inference/',
    'tracking-plans/',
    'codegen/',
    'operators/',
    'service/',
    'cli/',
  ];
  const page = readPage('src/README.md');

  it('lists the folders of src, in the order of the stages', () => {
    expect(firstColumn(page)).toEqual(stages);
    expect(foldersIn('src').toSorted()).toEqual(stages.toSorted());
  });

  /** Their folders are alike: one for each type, one for each command. */
  const alike = ['destinations/', 'cli/'];

  it.each(stages)('names the folders of %s, and no others', (stage) => {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${stage}\` |`))!;
    const named = [...row.matchAll(/`([\w-]+\/)`/g)].map((found) => found[1]!).slice(1);
    const below = foldersBelow(`src/${stage}`);
    expect(named.filter((folder) => !below.includes(folder))).toEqual([]);
    const unnamed = below.filter((folder) => !named.includes(folder));
    expect(alike.includes(stage) ? [] : unnamed).toEqual([]);
  });

  it('names every file beside them', () => {
    const files = readdirSync(path.join(root, 'src')).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
    );
    for (const file of files) expect(page).toContain(`\`${file}\``);
  });
});

function foldersIn(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${entry.name}/`);
}

/** The names of all folders below one, at every level. */
function foldersBelow(folder: string): string[] {
  return foldersIn(folder).flatMap((name) => [name, ...foldersBelow(path.join(folder, name))]);
}

/** Files and folders of the repository: `src/http/listen.ts`, `test/endpoints`, `bench/*.ts`. */
const repositoryPath = /`((?:src|test|scripts|bench|deploy|proto|gen)\/[\w./*-]*)`/g;

/** From src/, at any level: `http/listen.ts`, `gate/intake/read-body.ts`, `gate/decode/`. */
const stagePath = /`((?:[\w-]+\/)+(?:[\w-]+\.ts)?)`/g;

function pathsIn(page: string): string[] {
  const text = readPage(page);
  const stages = new Set(foldersIn('src'));
  return [
    ...[...text.matchAll(repositoryPath)].map((found) => found[1]!),
    ...[...text.matchAll(stagePath)]
      .map((found) => found[1]!)
      .filter((name) => stages.has(name.slice(0, name.indexOf('/') + 1)))
      .map((name) => `src/${name}`),
  ];
}

describe('the pages', () => {
  // Examples have folders of their own called src; decisions keep the names of their day.
  const checked = pages().filter((page) => !/^(examples|docs\/adr)\//.test(page));

  it.each(checked)('%s names files and folders that exist', (page) => {
    const missing = pathsIn(page).filter((name) => globSync(name, { cwd: root }).length === 0);
    expect(missing).toEqual([]);
  });

  it('are many that name some, docs/understand/architecture.md most of all', () => {
    expect(pathsIn('docs/understand/architecture.md').length).toBeGreaterThan(25);
    expect(checked.flatMap(pathsIn).length).toBeGreaterThan(80);
  });
});
