import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { TablePlan } from '../tables/plan-table.ts';
import { BigqueryError } from './fault.ts';
import { openJournal, type Append, type Journal, type Row } from './journal.ts';
import type { Storage } from './storage.ts';
import { createWriter, type Writer } from './writer.ts';

/* Two processes of one machine, each with a writer, on one journal. */

let folder: string;
const opened: Journal[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-writer-'));
});
afterEach(() => {
  for (const journal of opened.splice(0)) journal.close();
  rmSync(folder, { recursive: true });
});

/** Streams as BigQuery has them: rows are stored once at an offset, and later offsets are refused. */
class FakeStorage implements Pick<Storage, 'createStream' | 'append'> {
  readonly streams = new Map<string, string[]>();
  /** What becomes of the next append. */
  next: 'stored' | 'stored without an answer' = 'stored';

  createStream(): Promise<string> {
    const name = `s-${this.streams.size}`;
    this.streams.set(name, []);
    return Promise.resolve(name);
  }

  append({ stream, offset, rows }: Append): Promise<void> {
    const held = this.streams.get(stream)!;
    const what = this.next;
    this.next = 'stored';
    if (offset > held.length) {
      return Promise.reject(new BigqueryError('no such offset', Code.OutOfRange));
    }
    // Rows that are there already are no fault: ALREADY_EXISTS.
    if (offset === held.length) held.push(...rows.map(({ eventId }) => eventId));
    return what === 'stored'
      ? Promise.resolve()
      : Promise.reject(new BigqueryError('no answer', Code.DeadlineExceeded));
  }

  rows(): string[] {
    return [...this.streams.values()].flat();
  }
}

function startProcess(storage: FakeStorage): { writer: Writer; journal: Journal } {
  const journal = openJournal(path.join(folder, 'journal.db'), 1_000, 60_000);
  opened.push(journal);
  const parts = { storage: storage as unknown as Storage, journal, missing: () => {} };
  return { writer: createWriter(parts), journal };
}

const plan = { table: 'events', columns: [] } as unknown as TablePlan;
const rowsOf = (...ids: string[]): Row[] =>
  ids.map((eventId) => ({ eventId, bytes: Buffer.from(eventId) }));
const { signal } = new AbortController();

test('rows that another process has sent to the end of its stream take no place of later ones', async () => {
  const storage = new FakeStorage();
  const [first, second] = [startProcess(storage), startProcess(storage)];
  storage.next = 'stored without an answer';
  const lost = first.writer.write('events', plan, rowsOf('a', 'b'), signal);
  await expect(lost).rejects.toThrow('no answer');
  // It is away for so long that the log gives its events to the other, which finds them in the journal.
  const appendId = second.journal.find('events', ['a']).get('a')!;
  await second.writer.finish(appendId, signal);
  await first.writer.write('events', plan, rowsOf('c', 'd'), signal);
  await first.writer.write('events', plan, rowsOf('e'), signal);
  expect(storage.rows()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(storage.streams.size).toBe(1);
});

test('what a process has stored itself moves its own place on', async () => {
  const storage = new FakeStorage();
  const { writer } = startProcess(storage);
  for (const id of ['a', 'b', 'c']) await writer.write('events', plan, rowsOf(id), signal);
  expect(storage.rows()).toEqual(['a', 'b', 'c']);
});
