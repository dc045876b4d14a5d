import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readPage, root } from './markdown.ts';

const page = readPage('CONTRIBUTING.md');
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};

/** Programs that check: each runs as part of `npm run check`. */
const programs: Readonly<Record<string, string>> = { oxlint: 'lint', oxfmt: 'format:check' };

describe('CONTRIBUTING.md', () => {
  it('names npm scripts that exist', () => {
    const named = [...page.matchAll(/`?npm run ([\w:-]+)/g)].map((found) => found[1]!);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  const rules = page
    .slice(page.indexOf('## House rules'), page.indexOf('## Before a review'))
    .split(/^(?=\d+\. )/m)
    .slice(1);

  it('has a check for each house rule', () => {
    expect(rules.length).toBeGreaterThan(8);
    const checks = rules.map((rule) => [...rule.matchAll(/`([^`]+)`/g)].filter(isCheck).length);
    expect(rules.filter((_rule, index) => checks[index] === 0)).toEqual([]);
  });

  it('checks with programs that `npm run check` runs', () => {
    const checks = `${scripts['check']} && ${scripts['check:code']}`;
    expect(scripts['check']).toContain('npm run check:code');
    for (const [program, script] of Object.entries(programs)) {
      expect(scripts[script]).toContain(program);
      expect(checks).toContain(`npm run ${script}`);
    }
    expect(checks).toContain('npm run generated');
  });
});

function isCheck([, name = '']: RegExpExecArray): boolean {
  if (name.endsWith('.test.ts')) return existsSync(path.join(root, name));
  return Object.hasOwn(programs, name) || name === 'npm run generated';
}
