import { afterEach, expect, test, vi } from 'vitest';

import { createUploadWatch, type Upload } from './upload-watch.ts';

afterEach(() => void vi.useRealTimers());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `ms`: what it costs to look at it. */
function upload(ms: number, isSlow: () => void = () => {}): Upload & { failed: number } {
  const busy = (): void => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  };
  const made = {
    failed: 0,
    deadline: 0,
    older: undefined,
    newer: undefined,
    isSlow: () => {
      busy();
      isSlow();
    },
    fail: () => {
      busy();
      made.failed += 1;
    },
  };
  return made;
}

test('many slow uploads are looked at over several turns of the event loop, each once', async () => {
  const watch = createUploadWatch(60_000);
  const seen: number[] = [];
  for (let id = 0; id < 20; id += 1) watch.enter(upload(0.4, () => seen.push(id)));
  let most = 0;
  for (let before = 0; seen.length < 20; before = seen.length) {
    await turn();
    most = Math.max(most, seen.length - before);
  }
  expect([most > 0, most < 10]).toEqual([true, true]);
  expect(seen).toEqual(Array.from({ length: 20 }, (_, id) => id));
  watch.close();
});

test('uploads whose time is over at once are failed over several turns', async () => {
  const watch = createUploadWatch(10);
  const uploads = Array.from({ length: 20 }, () => upload(0.4));
  for (const each of uploads) watch.enter(each);
  const failed = (): number => uploads.reduce((sum, each) => sum + each.failed, 0);
  let most = 0;
  for (let before = 0; failed() < 20; before = failed()) {
    await turn();
    most = Math.max(most, failed() - before);
  }
  expect([most > 0, most < 10]).toEqual([true, true]);
  watch.close();
});

test('an upload that leaves during a sweep is not looked at, and those after it are', () => {
  vi.useFakeTimers();
  const watch = createUploadWatch(60_000);
  const seen: string[] = [];
  const [next, after] = ['next', 'after'].map((name) => upload(0, () => seen.push(name)));
  const first = upload(0, () => {
    watch.leave(first);
    watch.leave(next!);
  });
  for (const each of [first, next!, after!]) watch.enter(each);
  vi.advanceTimersByTime(500);
  expect(seen).toEqual(['after']);
  watch.close();
});
