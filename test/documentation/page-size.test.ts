import { describe, expect, it } from 'vitest';

import { pages, readPage } from './markdown.ts';

/** A page with more words answers more than one question: it is two pages. */
const wordsMax = 2_000;

/** Pages that may be longer, and why. */
const exceptions: ReadonlyMap<string, string> = new Map([
  ['CHANGELOG.md', 'It grows with every release, and readers look up one of them.'],
  [
    'docs/reference/errors.md',
    'It is generated, and the `help` of every error links to its section there.',
  ],
]);

/** As `wc -w` counts them: tables, code and links too, because they also take a reader's time. */
function wordsOf(page: string): number {
  return readPage(page).split(/\s+/).filter(Boolean).length;
}

describe('every page', () => {
  // A decision is never split: it stays as it was made.
  const counted = pages().filter((page) => !page.startsWith('docs/adr/') && !exceptions.has(page));

  it.each(counted)(`%s has at most ${wordsMax} words`, (page) => {
    expect(wordsOf(page)).toBeLessThanOrEqual(wordsMax);
  });

  it('that may be longer exists', () => {
    for (const page of exceptions.keys()) expect(pages()).toContain(page);
  });
});
