import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Http2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

const streamOf = (id: number): Http2Stream => ({ id }) as Http2Stream;

test('behaves like a Map under any inserts and deletes', () => {
  const step = fc.record({
    id: fc.nat(60).map((number) => number * 2 + 1),
    isDeleted: fc.boolean(),
  });
  const far = fc.constantFrom(1, 2 ** 31 - 1, 2 ** 30 + 1, 65_537, 131_073);
  const steps = fc.array(fc.oneof(step, fc.record({ id: far, isDeleted: fc.boolean() })), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(steps, (all) => {
      const table = new StreamTable();
      const map = new Map<number, Http2Stream>();
      for (const { id, isDeleted } of all) {
        if (isDeleted) {
          table.delete(id);
          map.delete(id);
        } else if (!map.has(id)) {
          const stream = streamOf(id);
          table.add(stream);
          map.set(id, stream);
        }
        expect([table.size, table.has(id), table.get(id)]).toEqual([
          map.size,
          map.has(id),
          map.get(id),
        ]);
      }
      const ids = (streams: Iterable<Http2Stream>) =>
        [...streams].map((each) => each.id).toSorted((a, b) => a - b);
      expect(ids(table.values())).toEqual(ids(map.values()));
      for (const [id, stream] of map) expect(table.get(id)).toBe(stream);
    }),
  );
});

test('keeps thousands that run through it, and a few that stay', () => {
  const table = new StreamTable();
  const staying = [1, 333, 777];
  for (let id = 1; id < 200_000; id += 2) {
    table.add(streamOf(id));
    const gone = id - 2 * 500;
    if (gone > 0 && !staying.includes(gone)) table.delete(gone);
  }
  expect(table.size).toBe(500 + staying.length);
  for (const id of staying) expect(table.get(id)?.id).toBe(id);
  expect([table.has(199_999), table.has(198_999), table.has(3)]).toEqual([true, false, false]);
});
