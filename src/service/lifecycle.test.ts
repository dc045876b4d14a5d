import { describe, expect, test } from 'vitest';

import { createLifecycle } from './lifecycle.ts';

describe('a lifecycle', () => {
  test('releases last in first out, one after the other, and once', async () => {
    const order: string[] = [];
    const lifecycle = createLifecycle(() => {});
    for (const name of ['log', 'workers', 'endpoints']) {
      lifecycle.onRelease(name, async () => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        order.push(`${name} ends`);
      });
    }
    const first = lifecycle.release();
    expect(lifecycle.release()).toBe(first);
    await first;
    expect(order).toEqual([
      'endpoints begins',
      'endpoints ends',
      'workers begins',
      'workers ends',
      'log begins',
      'log ends',
    ]);
    await lifecycle.release();
    expect(order.length).toBe(6);
  });

  test('continues after a failed release, and reports it', async () => {
    const failures: [string, string][] = [];
    const released: string[] = [];
    const lifecycle = createLifecycle((name, error) =>
      failures.push([name, (error as Error).message]),
    );
    lifecycle.onRelease('first', () => void released.push('first'));
    lifecycle.onRelease('throws', () => {
      throw new Error('at once');
    });
    lifecycle.onRelease('rejects', () => Promise.reject(new Error('later')));
    await lifecycle.release();
    expect(released).toEqual(['first']);
    expect(failures).toEqual([
      ['rejects', 'later'],
      ['throws', 'at once'],
    ]);
  });

  test('also releases what is started while it is releasing', async () => {
    const released: string[] = [];
    const lifecycle = createLifecycle(() => {});
    lifecycle.onRelease('a', () => void released.push('a'));
    lifecycle.onRelease('b', () => lifecycle.onRelease('late', () => void released.push('late')));
    await lifecycle.release();
    expect(released).toEqual(['late', 'a']);
  });
});
