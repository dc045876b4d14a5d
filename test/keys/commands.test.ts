import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { hashWriteKey, keyIdOf } from '../../src/config/write-key.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { runCli } from '../cli/run-cli.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { track } from './key-gates.ts';

let real: RealService;
let folder: string;
let logged = '';
const ofFile = 'hg_of-the-file';

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-keys-'));
  real = await startRealService({
    yaml: `destinations: {}\nkeys:\n  - { source: till, hash: "${hashWriteKey(ofFile)}" }\n`,
    env: { HEADGATE_AUTH: 'keys' },
    logger: createLogger('debug', { write: (line) => void (logged += line) }),
  });
}, 30_000);
afterAll(async () => {
  await real[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const keys = (...args: string[]) => runCli(['keys', '--admin', real.adminUrl, ...args]);
const idOf = (key: string): string => keyIdOf(hashWriteKey(key));

test('create, list, rotate and revoke, as an operator does', async () => {
  const created = await keys(
    'create',
    '--source',
    'shop',
    '--events',
    'order_*',
    '--expires',
    '9d',
  );
  expect(created.code).toBe(0);
  // The key alone, so that it can be piped.
  const key = created.stdout.trimEnd();
  expect(key).toMatch(/^hg_[\w-]{43}$/);
  expect(created.stderr).toContain(`${idOf(key)} is the id of the new write key of shop`);
  expect(created.stderr).not.toContain(key);
  expect((await track(real.url, key)).status).toBe(202);

  const out = path.join(folder, 'shop.key');
  const rotated = await keys('rotate', idOf(key), '--overlap', '12h', '--out', out);
  expect(rotated.code).toBe(0);
  expect(rotated.stdout).toBe('');
  expect(statSync(out).mode & 0o777).toBe(0o600);
  const next = readFileSync(out, 'utf8').trimEnd();
  expect((await track(real.url, next)).status).toBe(202);
  expect((await track(real.url, key)).status).toBe(202);

  const { stdout } = await keys('list');
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  expect(rows.slice(1).map(([id, source, events, state]) => [id, source, events, state])).toEqual([
    [idOf(ofFile), 'till', 'all', 'in force'],
    [idOf(key), 'shop', 'order_*', 'in force'],
    [idOf(next), 'shop', 'order_*', 'in force'],
  ]);
  expect(stdout).toContain('in headgate.yaml');
  expect(stdout).toContain(`replaced by ${idOf(next)}`);

  const revoked = await keys('revoke', idOf(next), '--json');
  expect(JSON.parse(revoked.stdout)).toMatchObject({ id: idOf(next), source: 'shop' });
  expect((await track(real.url, next)).text).toMatch(/This write key was revoked at 2/);
  expect((await keys('list', '--source', 'shop')).stdout).not.toContain(idOf(next) + '\t');
  const all = JSON.parse((await keys('list', '--source', 'shop', '--all', '--json')).stdout) as {
    keys: { id: string; state: string }[];
  };
  expect(all.keys.map(({ id, state }) => [id, state])).toEqual([
    [idOf(key), 'IN_FORCE'],
    [idOf(next), 'REVOKED'],
  ]);
  for (const secret of [key, next]) {
    expect(logged).not.toContain(secret);
    expect(stdout + revoked.stdout).not.toContain(secret);
  }
}, 60_000);

test('what cannot be done is said, and no key is made', async () => {
  const exists = path.join(folder, 'exists.key');
  const first = await keys('create', '--source', 'app', '--out', exists);
  expect(first.code).toBe(0);
  const second = await keys('create', '--source', 'app', '--out', exists);
  expect(second).toMatchObject({ code: 1, stdout: '' });
  expect(second.stderr).toContain('exists, and is not overwritten');
  const { stdout } = await keys('list', '--source', 'app', '--json');
  expect((JSON.parse(stdout) as { keys: unknown[] }).keys).toHaveLength(1);

  const noKey = path.join(folder, 'none.key');
  expect((await keys('rotate', '0123456789ab', '--out', noKey)).code).toBe(1);
  expect(existsSync(noKey)).toBe(false);
  const unknown = await keys('revoke', '0123456789ab');
  expect(unknown.stderr).toContain('no write key 0123456789ab');
  const inFile = await keys('rotate', idOf(ofFile), '--out', noKey);
  expect(inFile.stderr).toContain('keys of headgate.yaml are changed there');
  expect(existsSync(noKey)).toBe(false);
  const shown = await keys('revoke', ofFile);
  expect(shown.code).toBe(1);
  expect(shown.stderr).toContain('not the id of a write key, which has 12 hex digits');
  expect(shown.stderr).not.toContain(ofFile);
}, 60_000);

test('a key of headgate.yaml is revoked too, and its line does nothing from then on', async () => {
  expect((await track(real.url, ofFile)).status).toBe(202);
  const { stdout } = await keys('revoke', idOf(ofFile));
  expect(stdout).toContain(`revoked ${idOf(ofFile)} of till at 2`);
  expect((await track(real.url, ofFile)).text).toMatch(/This write key was revoked at 2/);
}, 60_000);

test('limits are stated, listed, and said where they differ', async () => {
  const limits = ['--events-per-second', '5', '--burst', '20', '--bytes-per-day', '1GiB'];
  const made = await keys('create', '--source', 'kiosk', ...limits);
  expect(made.code).toBe(0);
  const stricter = await keys('create', '--source', 'kiosk', '--events-per-second', '2');
  expect(stricter.stderr).toContain('2 events a second, 2 at once; 1073741824 bytes a day.');
  const { stdout } = await keys('list', '--source', 'kiosk');
  expect(stdout).toContain('\t5/s (20 at once), 1073741824 bytes/day\t');
  expect(stdout).toContain('\t2/s (2 at once)\t');
  const faulty = await keys('create', '--source', 'kiosk', '--burst', '20');
  expect(faulty.stderr).toContain('limits.burst is used with limits.events_per_second only');
  const noSize = await keys('create', '--source', 'kiosk', '--bytes-per-day', 'much');
  expect(noSize.stderr).toContain('Give a size');
}, 60_000);

test('doctor names keys that are in use and expire soon', async () => {
  const { stdout: key } = await keys('create', '--source', 'web', '--expires', '13d');
  expect((await track(real.url, key.trimEnd())).status).toBe(202);
  const seen = async () => {
    const { stdout } = await runCli(['doctor', '--admin', real.adminUrl, '--json'], {
      env: { HEADGATE_AUTH: 'keys', HEADGATE_DATA_DIR: real.dataDir },
    });
    const { findings } = JSON.parse(stdout) as { findings: { check: string; found: string }[] };
    return findings.find(({ check }) => check === 'keys')?.found;
  };
  await expect
    .poll(seen, { timeout: 30_000, interval: 3_000 })
    .toContain(`${idOf(key.trimEnd())} of web`);
}, 60_000);
