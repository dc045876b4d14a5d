import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

import { createTables } from '../spool/database.ts';
import { createKeptIds } from './kept-ids.ts';
import { idBytes, markRepeated, sortIds, writeId, type SortedIds } from './sorted-ids.ts';

const keptMs = 800;

function open() {
  const database = new DatabaseSync(':memory:');
  onTestFinished(() => database.close());
  database.exec(createTables);
  return { database, kept: createKeptIds(database, keptMs) };
}

function sorted(ids: readonly string[]): SortedIds {
  const raw = new Uint8Array(ids.length * idBytes);
  for (const [place, id] of ids.entries()) {
    const bytes = Buffer.from(id);
    writeId(raw, place, bytes, 0, bytes.length);
  }
  return sortIds(raw);
}

/** Which of a lot are new; they are kept. */
function keep(
  kept: ReturnType<typeof createKeptIds>,
  lot: readonly string[],
  nowMs: number,
): string[] {
  const isSecond = new Uint8Array(lot.length);
  const ids = sorted(lot);
  markRepeated(ids, isSecond);
  kept.find(ids, isSecond);
  const merged = kept.merge(ids, isSecond, nowMs);
  if (merged !== undefined) kept.keep(merged);
  return lot.filter((_id, place) => isSecond[place] === 0);
}

/** Few, so that they come again: UUIDs, UUIDs in capitals, and other texts. */
const someId = fc.nat({ max: 200 }).map((number) => {
  const uuid = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  return [uuid, uuid.replace('4000', '400A'), `id-${number}`, uuid.slice(1)][number % 4]!;
});

test('an id is new once, in one lot and over many', () => {
  fc.assert(
    fc.property(fc.array(fc.array(someId, { maxLength: 60 }), { maxLength: 40 }), (lots) => {
      const { kept } = open();
      const met = new Set<string>();
      for (const [at, lot] of lots.entries()) {
        const wanted = lot.filter((id, place) => !met.has(id) && lot.indexOf(id) === place);
        expect(keep(kept, lot, at)).toEqual(wanted);
        for (const id of lot) met.add(id);
      }
    }),
    { numRuns: 100 },
  );
});

test('of thousands of ids in pages, each is found, and no other', () => {
  const { database, kept } = open();
  const all = Array.from({ length: 9_000 }, () => randomUUID());
  for (let from = 0; from < all.length; from += 1_000) keep(kept, all.slice(from, from + 1_000), 0);
  const others = Array.from({ length: 1_000 }, () => randomUUID());
  expect(keep(kept, [...all, ...others], 1)).toEqual(others);
  const rows = database.prepare('SELECT count(*) AS n FROM id_segments').get();
  expect(Number(rows?.['n'])).toBeLessThan(6);
});

test('ids are forgotten after their time, and leave nothing behind', () => {
  const { database, kept } = open();
  for (let nowMs = 0; nowMs < 10 * keptMs; nowMs += 10) {
    keep(kept, [`id-${nowMs}`], nowMs);
    kept.forget(nowMs - keptMs);
    // Those within their time are known.
    for (let ago = 10; ago <= Math.min(nowMs, keptMs); ago += 130) {
      expect(keep(kept, [`id-${nowMs - ago}`], nowMs)).toEqual([]);
    }
  }
  const { n } = database.prepare('SELECT sum(ids) AS n FROM id_segments').get() as { n: number };
  // One more eighth of the time, and what was merged last.
  expect(n).toBeLessThanOrEqual((keptMs * 1.25) / 10 + 2);
  kept.forget(1e6);
  expect(database.prepare('SELECT count(*) AS n FROM id_pages').get()).toEqual({ n: 0 });
});
