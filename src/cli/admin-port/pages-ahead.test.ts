import { expect, test } from 'vitest';

import { pagesAhead } from './pages-ahead.ts';

const tokens = ['a', 'b', ''];

/** Pages with the tokens above. `seen` gets what is asked for and what the caller works on, in order. */
function pagesOf(seen: string[], failAt = -1) {
  let count = 0;
  return pagesAhead(async (pageToken) => {
    seen.push(`ask ${pageToken}`);
    const number = count;
    count += 1;
    if (number === failAt) throw new Error(`page ${number} failed`);
    return { number, nextPageToken: tokens[number]! };
  });
}

test('the next page is asked for before the caller has the one before, and none after the last', async () => {
  const seen: string[] = [];
  for await (const { number } of pagesOf(seen)) seen.push(`work ${number}`);
  expect(seen).toEqual(['ask ', 'ask a', 'work 0', 'ask b', 'work 1', 'work 2']);
});

test('a failure comes after the pages before it', async () => {
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { number } of pagesOf(seen, 1)) seen.push(`work ${number}`);
  };
  await expect(read()).rejects.toThrow('page 1 failed');
  expect(seen).toEqual(['ask ', 'ask a', 'work 0']);
});

test('a caller that ends early does not hear of a page that fails', async () => {
  const failures: unknown[] = [];
  const onFailure = (error: unknown): void => void failures.push(error);
  process.on('unhandledRejection', onFailure);
  try {
    for await (const { number } of pagesOf([], 1)) {
      expect(number).toBe(0);
      break;
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(failures).toEqual([]);
  } finally {
    process.off('unhandledRejection', onFailure);
  }
});
