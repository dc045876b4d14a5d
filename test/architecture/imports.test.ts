import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { circlesOf, type Graph } from './circles.ts';
import { isGenerated, isTest, readSources, type SourceFile } from './source-files.ts';

const folders = ['src', 'client/src', 'console', 'bench', 'scripts', 'deploy', 'examples', 'test'];
const files = folders.flatMap(readSources).filter(({ name }) => !isGenerated(name));

describe('circlesOf', () => {
  it('finds every circle, and what leads into one is not part of it', () => {
    const graph: Graph = new Map([
      ['entry', ['a', 'alone']],
      ['a', ['b']],
      ['b', ['c', 'leaf', 'outside']],
      ['c', ['a']],
      ['leaf', []],
      ['alone', ['alone']],
    ]);
    expect(circlesOf(graph)).toEqual([['a', 'b', 'c'], ['alone']]);
  });
});

describe('imports', () => {
  it('form no circle of files, not even of types', () => {
    const graph = new Map(files.map(({ name, imports }) => [name, imports]));
    expect(circlesOf(graph)).toEqual([]);
  });

  it('form no circle of folders that lie side by side', () => {
    const parts = files.filter(({ name }) => !isTest(name) && !name.startsWith('test/'));
    const parents = new Set(parts.flatMap(({ name }) => foldersAbove(name)));
    const circles = [...parents].flatMap((parent) =>
      circlesOf(siblingGraph(parts, parent)).map((circle) => `${parent}: ${circle.join(', ')}`),
    );
    expect(circles).toEqual([]);
  });
});

/** `src/http/http2`, `src/http` and `src` of `src/http/http2/frames.ts`. */
function foldersAbove(name: string): string[] {
  const folder = path.dirname(name);
  return folder === '.' ? [] : [folder, ...foldersAbove(folder)];
}

/** The folders right below `parent`, each with those of its siblings that its files import. */
function siblingGraph(parts: readonly SourceFile[], parent: string): Graph {
  const childOf = (name: string): string | undefined => {
    const rest = name.startsWith(`${parent}/`) ? name.slice(parent.length + 1).split('/') : [];
    return rest.length > 1 ? rest[0] : undefined;
  };
  const graph = new Map<string, Set<string>>();
  for (const { name, imports } of parts) {
    const child = childOf(name);
    if (child === undefined) continue;
    const targets = graph.get(child) ?? new Set();
    graph.set(child, targets);
    for (const target of imports.map(childOf)) {
      if (target !== undefined && target !== child) targets.add(target);
    }
  }
  return graph;
}
