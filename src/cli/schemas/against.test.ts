import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';

import { schemasCheckCommand } from './check.ts';
import { orderTaxonomy } from '../../validation/schemas-folder.fixture.ts';
import type { JsonObject } from '../../event/json/json.ts';

const printed: string[] = [];

beforeEach(() => {
  printed.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const closed = (properties: JsonObject, required: string[] = []): JsonObject => ({
  type: 'object',
  required,
  additionalProperties: false,
  properties,
});
const first = closed({ total: { type: 'number' } });

/** A repository whose folder `contracts` holds version 1 of order_completed, committed. */
function repository() {
  const root = mkdtempSync(path.join(tmpdir(), 'headgate-repository-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const schemas = path.join(root, 'contracts');
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: 'pipe' });
  const write = (name: string, content: string | JsonObject): void => {
    const file = path.join(schemas, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  };
  git('init', '--quiet', '--initial-branch', 'main');
  write('taxonomy.yaml', orderTaxonomy());
  write('order_completed/1.json', first);
  git('add', '.');
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
  git(...author, 'commit', '--quiet', '-m', 'first');
  const check = async (...options: string[]): Promise<string> => {
    await schemasCheckCommand({ env: {} }).parseAsync(['--schemas', schemas, ...options], {
      from: 'user',
    });
    return printed.splice(0).join('\n');
  };
  return { schemas, write, check };
}

test('nothing changed', async () => {
  const { check } = repository();
  expect(await check('--against', 'main')).toContain('No event has changed since main.');
  expect(process.exitCode).toBeUndefined();
});

test('a version that breaks producers is described, and refused', async () => {
  const { write, check } = repository();
  const currency = { type: 'string' };
  write('order_completed/2.json', closed({ total: { type: 'number' }, currency }, ['currency']));
  const text = await check('--against', 'main');
  expect(text).toContain('Since main, 1 not allowed:');
  expect(text).toContain(
    'order_completed: version 2 after version 1 is not allowed (compatibility: compatible)',
  );
  expect(text).toContain(
    "version 2 makes 'currency' required: producers on version 1 would be rejected",
  );
  expect(process.exitCode).toBe(1);
});

test.each([
  ['forward', undefined],
  ['backward', 1],
  ['none', undefined],
  ['compatible', 1],
])('the mode %s: exit code %s', async (mode, exitCode) => {
  const { write, check } = repository();
  write('taxonomy.yaml', orderTaxonomy(`, compatibility: ${mode}`));
  write('order_completed/2.json', closed({ total: { type: 'integer' } }));
  expect(await check('--against', 'main')).toContain('no longer accepts number');
  expect(process.exitCode).toBe(exitCode);
});

test('a released version must not change, whatever the mode; its layout may', async () => {
  const { write, check } = repository();
  write('order_completed/1.json', `${JSON.stringify(first, undefined, 2)}\n`);
  expect(await check('--against', 'main')).toContain('No event has changed');
  write('taxonomy.yaml', orderTaxonomy(', compatibility: none'));
  write('order_completed/1.json', closed({ total: { type: 'integer' } }));
  expect(await check('--against', 'main')).toContain(
    'order_completed: version 1 was released and has changed since',
  );
  expect(process.exitCode).toBe(1);
});

test('what supersedes a broken version is held against the one before it', async () => {
  const { write, check } = repository();
  write('order_completed/2.json', closed({ total: { type: 'string' } }));
  write('order_completed/3.json', closed({ total: { type: 'number' }, tax: { type: 'number' } }));
  write('taxonomy.yaml', orderTaxonomy(', supersedes: { 3: [2] }'));
  const { changes } = JSON.parse(await check('--against', 'main', '--json'));
  expect(changes).toMatchObject([
    { version: 2, allowed: true, findings: [{}, {}] },
    { version: 3, allowed: true, message: expect.stringContaining('version 3 after version 1') },
  ]);
});

test('a new event breaks nothing; a removed one does', async () => {
  const { schemas, write, check } = repository();
  rmSync(path.join(schemas, 'order_completed'), { recursive: true });
  write('taxonomy.yaml', orderTaxonomy().replace('order_completed', 'cart_completed'));
  write('cart_completed/1.json', first);
  const { compatible, changes } = JSON.parse(await check('--against', 'HEAD', '--json'));
  expect(compatible).toBe(false);
  expect(changes).toMatchObject([
    { event: 'order_completed', kind: 'removed', allowed: false },
    { event: 'cart_completed', kind: 'added', allowed: true },
  ]);
});

test.each(['nowhere', '--all', 'HEAD:contracts'])('%s is no commit', async (ref) => {
  const { check } = repository();
  await expect(check(`--against=${ref}`)).rejects.toThrow(/no commit/);
});

test('a folder outside of git is reported', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-plain-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(path.join(folder, 'order_completed'));
  writeFileSync(path.join(folder, 'taxonomy.yaml'), orderTaxonomy());
  writeFileSync(path.join(folder, 'order_completed/1.json'), JSON.stringify(first));
  const options = ['--schemas', folder, '--against', 'main'];
  await expect(
    schemasCheckCommand({ env: {} }).parseAsync(options, { from: 'user' }),
  ).rejects.toThrow(/git knows no commit main/);
});

const withActive = (taxonomy: string, version: number): string =>
  taxonomy.replace('active: 1', `active: ${version}`);
const wide = closed({ total: { type: ['number', 'null'] }, tax: { type: 'number' } });

test.each([
  // mode, the last version, active, exit code
  ['compatible', first, 2, undefined],
  ['compatible', wide, 2, 1],
  ['backward', wide, 2, undefined],
  ['forward', wide, 2, 1],
  ['none', wide, 2, undefined],
  // It is not active yet, and may still be changed.
  ['compatible', wide, 1, 1],
] as const)('without git, %s: each version is held against the one before', async (...row) => {
  const [mode, second, active, exitCode] = row;
  const { write, check } = repository();
  write('taxonomy.yaml', withActive(orderTaxonomy(`, compatibility: ${mode}`), active));
  write('order_completed/2.json', second);
  const text = await check();
  expect(process.exitCode).toBe(exitCode);
  expect(text.includes('does not allow')).toBe(exitCode === 1);
  const line = `  order_completed: version 2 after version 1 is not allowed (compatibility: ${mode})`;
  expect(text.split('\n').includes(line)).toBe(exitCode === 1);
});

test('a folder that was moved is reported: nothing in it is compared', async () => {
  const { schemas, write } = repository();
  write('order_completed/1.json', closed({ total: { type: 'string' } }, ['total']));
  const moved = path.join(schemas, '..', 'moved');
  renameSync(schemas, moved);
  const error = vi.spyOn(console, 'error').mockImplementation(() => {});
  const options = ['--schemas', moved, '--against', 'main'];
  await schemasCheckCommand({ env: {} }).parseAsync(options, { from: 'user' });
  expect(error.mock.calls.join()).toContain(`main has no event in ${moved}`);
});

test('without git, a version that is older than the active one is only reported', async () => {
  const { schemas, write, check } = repository();
  write('taxonomy.yaml', withActive(orderTaxonomy(''), 3));
  write('order_completed/2.json', wide);
  write('order_completed/3.json', wide);
  const text = await check();
  expect(text).toContain(
    'version 2 after version 1 is not allowed (compatibility: compatible), and',
  );
  expect(text).not.toContain('version 3');
  expect(process.exitCode).toBeUndefined();
  const { compatible, steps } = JSON.parse(await check('--json'));
  expect(compatible).toBe(true);
  expect(steps).toMatchObject([
    { version: 2, allowed: false, past: true },
    { version: 3, allowed: true, past: false },
  ]);
  const file = path.join(schemas, '..', 'report.md');
  await check('--report', file);
  const report = readFileSync(file, 'utf8');
  expect(report).toContain('nothing breaks its contract');
  expect(report).toContain('ℹ️ **order\\_completed**: version 2 after version 1 is not allowed');
  expect(report).toContain('older than the active one');
  expect(report).not.toContain('❌');
});

test('without git, a version that another one supersedes is not compared', async () => {
  const { write, check } = repository();
  write('taxonomy.yaml', withActive(orderTaxonomy(', supersedes: { 3: [2] }'), 3));
  write('order_completed/2.json', closed({ total: { type: 'string' } }));
  write('order_completed/3.json', first);
  expect(await check()).not.toContain('not allow');
  expect(process.exitCode).toBeUndefined();
});
