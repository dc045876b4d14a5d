import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { openJournal, type Append, type Journal } from './journal.ts';

let folder: string;
let journal: Journal;
const open = (): Journal => openJournal(path.join(folder, 'j', 'journal.db'), 1_000, 60_000);

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-journal-'));
  journal = open();
});
afterEach(() => {
  journal.close();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

function rowsOf(...eventIds: string[]): Append['rows'] {
  return eventIds.map((eventId) => ({ eventId, bytes: Buffer.from(`row ${eventId}`) }));
}

function add(...eventIds: string[]): Append {
  const place = { table: 'events', stream: 's-1', offset: 0 };
  const columns = [{ name: 'event_id', declared: 'STRING' }];
  return journal.add('events', { ...place, columns, rows: rowsOf(...eventIds) })!;
}

const plain = (append: Append | undefined) =>
  append && {
    ...append,
    rows: append.rows.map(({ eventId, bytes }) => [eventId, Buffer.from(bytes).toString()]),
  };

test('what was added is there after it is opened again, byte for byte', () => {
  const append = add('a', '', 'é');
  journal.close();
  journal = open();
  expect(plain(journal.read(append.id))).toEqual(plain(append));
  expect(journal.pendingOf('s-1').map(plain)).toEqual([plain(append)]);
  expect(journal.find('events', ['é', 'b'])).toEqual(new Map([['é', append.id]]));
  expect(journal.find('per_event', ['a']).size).toBe(0);
});

test('when it is stored the ids stay, and another copy is not added', () => {
  const append = add('a', 'b');
  journal.stored(append);
  expect(journal.pendingOf('s-1')).toEqual([]);
  expect(journal.find('events', ['a'])).toEqual(new Map([['a', undefined]]));
  const copy = { ...append, rows: rowsOf('c', 'a') };
  expect(journal.add('events', copy)).toBeUndefined();
  expect(journal.find('events', ['c']).size).toBe(0);
  expect(journal.add('per_event', copy)).toBeDefined();
});

test('rows that are taken out are forgotten, and only who knows it as it is changes it', () => {
  const append = add('a', 'b', 'c');
  const fewer = { ...append, rows: rowsOf('a', 'c') };
  expect(journal.replace(append, fewer)).toBe(true);
  expect(journal.find('events', ['a', 'b', 'c']).size).toBe(2);
  const elsewhere = { ...fewer, stream: 's-2', offset: 7 };
  expect(journal.replace(append, { ...append, stream: 's-3' })).toBe(false);
  expect(journal.replace(fewer, elsewhere)).toBe(true);
  expect(journal.replace(fewer, elsewhere)).toBe(false);
  expect(plain(journal.read(append.id))).toEqual(plain(elsewhere));
  expect(journal.replace(elsewhere, { ...elsewhere, rows: [] })).toBe(true);
  expect(journal.read(append.id)).toBeUndefined();
  expect(journal.find('events', ['a', 'c']).size).toBe(0);
});

test('what is in no table is forgotten with its events', () => {
  const append = add('a');
  journal.abandon(append);
  expect(journal.read(append.id)).toBeUndefined();
  expect(journal.find('events', ['a']).size).toBe(0);
});

test('ids are kept for their time, and not longer', () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.now() });
  journal.stored(add('a'));
  vi.advanceTimersByTime(59_999);
  journal.stored(add('b'));
  expect(journal.find('events', ['a']).size).toBe(1);
  vi.advanceTimersByTime(1);
  journal.stored(add('c'));
  expect([...journal.find('events', ['a', 'b', 'c']).keys()].sort()).toEqual(['b', 'c']);
});
