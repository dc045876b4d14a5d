import { expect, test } from 'vitest';

import { pages, readPage } from './markdown.ts';

/** The first line of a page below its title and its first heading. */
function firstLineOf(page: string): string {
  const lines = readPage(page).split('\n');
  const title = lines.findIndex((line) => line.startsWith('# '));
  return lines.slice(title + 1).find((line) => line.trim() !== '' && !/^##? /.test(line)) ?? '';
}

const written = pages().filter((page) => page.startsWith('docs/') && !page.startsWith('docs/adr/'));

// A reader who came by a search wants to know first what the page is good for.
test.each(written)('%s begins with a sentence', (page) => {
  const first = firstLineOf(page);
  expect(first).not.toMatch(/^(\s*```|\||[-*+] |\d+\. |>|<|#)/);
  expect(first).toMatch(/[a-z]/);
});
