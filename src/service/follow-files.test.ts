import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readConfig } from '../config/read-config.ts';
import { hashWriteKey } from '../config/write-key.ts';
import { destinationTypes } from '../destinations/registry.ts';
import type { GateCredentials } from '../gate/gate.ts';
import { followFiles, type FollowedFiles } from './follow-files.ts';

let folder: string;
let file: string;
let followed: FollowedFiles;
const changes: GateCredentials[] = [];
const failures: string[] = [];
const signals = {
  trouble: () => {},
  certificateServed: () => {},
  reloaded: () => {},
  reloadFailed: (_what: string, error: unknown) => failures.push((error as Error).message),
  restartNeeded: () => {},
};

const keysOf = ({ keys }: GateCredentials): string[] => keys.map(({ source }) => source);
const yaml = (...sources: string[]): string =>
  [
    'auth: keys',
    'keys:',
    ...sources.map((source) => `  - { source: ${source}, hash: "${hashWriteKey(source)}" }`),
    '',
  ].join('\n');

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-follow-'));
  file = path.join(folder, 'headgate.yaml');
  writeFileSync(file, yaml('shop', 'app'));
  changes.length = 0;
  failures.length = 0;
  // As `serve` reads the default file, which may be missing.
  const readFile = (): string => readFileSync(file, 'utf8');
  const read = () => readConfig({ env: {}, readFile, destinationTypes });
  followed = followFiles({
    config: read(),
    reader: { file, read },
    signals: signals as never,
    onChange: (credentials) => changes.push(credentials),
  });
});
afterEach(() => {
  followed.stop();
  rmSync(folder, { recursive: true, force: true });
});

const looks = (): Promise<void> => sleep(1_000);

describe('a file that lost its keys', () => {
  test.each([
    ['gone', () => rmSync(file), /does not exist any more: put it back/],
    ['empty', () => writeFileSync(file, ''), /is empty: fill it/],
    ['blank', () => writeFileSync(file, '\n'), /is empty: fill it/],
    ['a comment', () => writeFileSync(file, '# x\n'), /auth is keys in the running gate, and off/],
    ['cut before auth', () => writeFileSync(file, 'log_level: info\n'), /auth is keys/],
    ['without keys', () => writeFileSync(file, 'auth: keys\n'), /there is no key/],
  ])('revokes none: %s', async (_what, damage, reason) => {
    damage();
    await looks();
    expect(changes).toEqual([]);
    expect(failures.join()).toMatch(reason);
    writeFileSync(file, yaml('app'));
    await expect.poll(() => changes.map(keysOf)).toEqual([['app']]);
  });
});

test('what is taken back right after SIGHUP is noticed', async () => {
  await looks();
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, yaml('shop', 'app', 'guest'));
  process.emit('SIGHUP');
  expect(changes.map(keysOf)).toEqual([['shop', 'app', 'guest']]);
  writeFileSync(file, before);
  await expect.poll(() => changes.map(keysOf).at(-1), { timeout: 2_000 }).toEqual(['shop', 'app']);
});
