import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { findStale, writeGenerated, type Generated } from './generated.ts';

let root: string;
const generated: Generated = {
  files: new Map([
    ['gen/v1/event.ts', 'event'],
    ['gen/v1/batch.ts', 'batch'],
  ]),
  folder: 'gen',
};

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'headgate-generated-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  writeFileSync(path.join(root, name), text);
}

describe('findStale', () => {
  it('names what is missing, differs, or should not be in the folder', () => {
    put('gen/v1/event.ts', 'an older event');
    put('gen/v1/removed.ts', 'no longer generated');
    put('src/other.ts', 'not generated');
    expect(findStale(root, generated)).toEqual([
      'gen/v1/batch.ts',
      'gen/v1/event.ts',
      'gen/v1/removed.ts',
    ]);
  });

  it('leaves other files alone where no folder is generated as a whole', () => {
    put('docs/errors.md', 'errors');
    put('docs/guide.md', 'written by a person');
    expect(findStale(root, { files: new Map([['docs/errors.md', 'errors']]) })).toEqual([]);
  });
});

describe('writeGenerated', () => {
  it('makes the files what they should be, and nothing is stale then', () => {
    put('gen/v1/event.ts', 'an older event');
    put('gen/v1/removed.ts', 'no longer generated');
    writeGenerated(root, generated);
    expect(readFileSync(path.join(root, 'gen/v1/event.ts'), 'utf8')).toBe('event');
    expect(existsSync(path.join(root, 'gen/v1/removed.ts'))).toBe(false);
    expect(findStale(root, generated)).toEqual([]);
  });
});
