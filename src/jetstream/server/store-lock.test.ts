import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { StartError } from '../../errors.ts';
import { lockStore } from './store-lock.ts';

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function refusalOf(folder: string): unknown {
  try {
    lockStore(folder).release();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a lock that cannot be taken for another reason is not said to be held by another Headgate', () => {
  const folder = newFolder();
  // A full disk fails at the same place.
  writeFileSync(path.join(folder, 'headgate.lock'), 'x'.repeat(4096));
  const refusal = refusalOf(folder);
  expect(refusal).toBeInstanceOf(StartError);
  expect((refusal as Error).message).toBe(
    `The data directory ${folder} cannot be written (file is not a database). ` +
      'Free space on its disk, fix its permissions, or name another directory in HEADGATE_DATA_DIR.',
  );
});

test('a folder whose files cannot be written is named, and its lock is free again', () => {
  const folder = newFolder();
  const owner = path.join(folder, 'headgate.pid');
  mkdirSync(owner);
  const refusal = refusalOf(folder);
  expect(refusal).toBeInstanceOf(StartError);
  expect((refusal as Error).message).toContain(`${folder} cannot be written (EISDIR`);
  rmSync(owner, { recursive: true });
  expect(refusalOf(folder)).toBeUndefined();
});

test('a lock is held by one only, who is named', () => {
  const folder = newFolder();
  const lock = lockStore(folder);
  expect((refusalOf(folder) as Error).message).toContain(
    `${folder} is held by another Headgate (process ${process.pid})`,
  );
  lock.release();
  expect(refusalOf(folder)).toBeUndefined();
});
