import { expect, it } from 'vitest';

import { pages, readPage } from './markdown.ts';

it('with async a power cut takes what nats-server has not synced, and every page says how much', () => {
  // Its default is two minutes.
  expect(readPage('src/jetstream/server/embedded-server.ts')).not.toContain('sync_interval');
  const lines = pages()
    .filter((page) => page.startsWith('docs/'))
    .flatMap((page) => readPage(page).split(/\n\n|\n(?=[|-])/))
    .filter((part) => part.includes('`async`') || part.includes('durability: async'))
    .map((part) => part.replaceAll(/\s+/g, ' '))
    .filter((part) => /power/.test(part) && /\bmay (?:take|lose|be lost)\b/.test(part));
  expect(lines.length).toBeGreaterThan(4);
  expect(lines.filter((line) => !line.includes('last two minutes'))).toEqual([]);
});
