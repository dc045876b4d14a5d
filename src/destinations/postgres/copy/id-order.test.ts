import { randomUUID } from 'node:crypto';

import { expect, test } from 'vitest';

import { idKey, orderOfIds } from './id-order.ts';

function keyOf(id: string): number {
  const bytes = Buffer.from(`x${id}y`);
  return idKey(bytes, 1, bytes.length - 1);
}

function sorted(ids: readonly string[]): string[] {
  return orderOfIds(ids.map(keyOf), (place) => ids[place]!).map((place) => ids[place]!);
}

test('ids come in their order, however many', () => {
  for (const count of [0, 1, 2, 1_000, 8_192, 8_193]) {
    const ids = Array.from({ length: count }, () => randomUUID() as string);
    expect(sorted(ids)).toEqual(ids.toSorted());
  }
});

test('ids that begin in the same way come in their order, and so do those that are there twice', () => {
  const ids = Array.from({ length: 50 }, (_, at) => `0a0b0c0d-0e0f-4000-8000-0000000000${99 - at}`);
  const others = Array.from({ length: 50 }, () => randomUUID() as string);
  const all = [...ids, ...others, ...ids];
  expect(sorted(all)).toEqual(all.toSorted());
});

test('only a UUID has a key', () => {
  const id = '0190163d-8694-739b-aea5-966c26f8ad91';
  expect(keyOf(id)).toBe(0x01_90_16_3d_86);
  expect(keyOf(id.toUpperCase())).toBe(keyOf(id));
  for (const text of [
    '',
    id.slice(1),
    `${id}0`,
    id.replace('0', 'g'),
    id.replace('-', '0'),
    id.replace('9', '-'),
    id.replaceAll('-', '_'),
    `{${id.slice(2)}}`,
  ]) {
    expect([text, keyOf(text)]).toEqual([text, -1]);
  }
});
