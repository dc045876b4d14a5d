import { expect, test } from 'vitest';

import { everyPage, walkPages } from './walk.ts';

const pages = 1_001;

/** A list of so many pages, whose token is the number of the next one. */
const request = (token: string): Promise<{ nextPageToken: string }> => {
  const next = Number(token) + 1;
  return Promise.resolve({ nextPageToken: next < pages ? String(next) : '' });
};

async function walk(pagesMax?: number): Promise<{ rest: string; read: number }> {
  let read = 0;
  const rest = await walkPages(request, {
    signal: new AbortController().signal,
    onPage: () => void (read += 1),
    ...(pagesMax !== undefined && { pagesMax }),
  });
  return { rest, read };
}

test('a list that is shown ends after a thousand pages, and its rest is a token', async () => {
  expect(await walk()).toEqual({ rest: '1000', read: 1_000 });
});

test('an act goes to the end, however many pages there are', async () => {
  expect(await walk(everyPage)).toEqual({ rest: '', read: pages });
});
