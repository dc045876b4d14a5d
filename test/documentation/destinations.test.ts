import { expect, test } from 'vitest';

import { destinationTypes } from '../../src/destinations/registry.ts';
import { readPage } from './markdown.ts';

test('docs/destinations/README.md names every type that starts with the oldest event, and no other', () => {
  const [row] = /^\| `earliest` \|.*$/m.exec(readPage('docs/destinations/README.md')) ?? [''];
  const named = [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name!).slice(1);
  const earliest = destinationTypes.filter(({ startsFrom }) => startsFrom === 'earliest');
  expect(named.toSorted()).toEqual(earliest.map(({ type }) => type).toSorted());
});

test.each(
  destinationTypes.flatMap(({ type, settings }) =>
    Object.entries(settings)
      .filter(([, { isMade }]) => isMade === true)
      .map(([setting]) => [type, setting] as const),
  ),
)('the page of %s says where a relative %s begins', (type, setting) => {
  const row = new RegExp(`^\\| \`${setting}\` \\|.*$`, 'm').exec(
    readPage(`docs/destinations/${type}.md`),
  );
  expect(row?.[0]).toContain('working directory');
});
