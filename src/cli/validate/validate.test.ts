import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { validateCommand } from './validate.ts';

const printed: string[] = [];
let folder = '';

beforeEach(() => {
  printed.length = 0;
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-validate-'));
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const good = {
  event_name: 'order_completed',
  user_id: 'u-1',
  idempotency_key: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
  properties: { order_id: 'A', total: 5, currency: 'EUR' },
};
const bad = { ...good, properties: { ...good.properties, total: '5' } };

async function validate(text: string, ...options: string[]): Promise<string> {
  const file = path.join(folder, 'events');
  writeFileSync(file, text);
  await validateCommand({ env: {} }).parseAsync([file, '--schemas', 'schemas', ...options], {
    from: 'user',
  });
  return printed.join('\n');
}

test.each([
  ['one event', JSON.stringify(good), 1],
  ['one event over several lines', JSON.stringify(good, null, 2), 1],
  ['a list', JSON.stringify([good, good], null, 2), 2],
  ['a batch', JSON.stringify({ events: [good], context: { page: '/' } }), 1],
  ['lines', `${JSON.stringify(good)}\r\n\n${JSON.stringify(good)}\n`, 2],
  ['more than a batch holds', `${JSON.stringify(good)}\n`.repeat(2000), 2000],
])('takes %s', async (_name, text, count) => {
  expect(JSON.parse(await validate(text, '--json'))).toMatchObject({
    events: count,
    accepted: count,
    rejected: 0,
    results: [],
  });
  expect(process.exitCode).toBeUndefined();
});

test('shows what is wrong, where, and ends with 1', async () => {
  const text = await validate(`${JSON.stringify(good)}\n{"cut":\n${JSON.stringify(bad)}\n`);
  expect(text).toContain('line 2: rejected, invalid_field');
  expect(text).toContain('line 3: rejected, schema_violation');
  expect(text).toContain('/properties/total must be of type number, not string (What the customer');
  expect(text).toContain('docs/reference/errors.md#schema_violation');
  expect(text).toContain('3 events: 1 would be stored, 0 with a warning, 2 rejected');
  expect(process.exitCode).toBe(1);
});

test('shows warnings without failing', async () => {
  const viewed = { ...good, event_name: 'page_viewed', properties: {} };
  const sum = JSON.parse(await validate(JSON.stringify([viewed]), '--json'));
  expect(sum).toMatchObject({ accepted: 1, with_warnings: 1 });
  expect(sum.results[0].warnings[0].code).toBe('schema_violation');
  expect(process.exitCode).toBeUndefined();
});

test('shows 1,000 verdicts and counts the rest', async () => {
  const text = `${JSON.stringify(bad)}\n`.repeat(1001);
  const sum = JSON.parse(await validate(text, '--json'));
  expect(sum).toMatchObject({ rejected: 1001, results_left_out: 1 });
  expect(sum.results).toHaveLength(1000);
});

test('an event that is too large is rejected as the gate rejects it', async () => {
  const large = { ...good, context: { page: 'x'.repeat(300_000) } };
  expect(await validate(JSON.stringify(large))).toContain('event_too_large');
});

test.each([
  ['a name that stands twice', JSON.stringify(good).replace('{', '{"user_id":"u-0",'), 'repeated'],
  [
    'a number in context that a double changes',
    JSON.stringify({ ...good, context: { id: 424_242 } }).replace('424242', '9007199254740993'),
    'number',
  ],
  ['a line that is too long', `${' '.repeat(5)}"${'x'.repeat(17 << 20)}"`, 'event_too_large'],
])('rejects a line that track would not send: %s', async (_name, line, why) => {
  const text = await validate(
    `${JSON.stringify(good)}\n${line}\n${JSON.stringify(good)}`,
    '--json',
  );
  const sum = JSON.parse(text);
  expect(sum).toMatchObject({ events: 3, accepted: 2, rejected: 1 });
  expect(sum.results[0]).toMatchObject({ line: 2, status: 'rejected' });
  expect(JSON.stringify(sum.results[0].error)).toContain(why);
});

test('takes a line without a key with --make-keys, as track does', async () => {
  const { idempotency_key: _key, ...keyless } = good;
  const text = `\ufeff${JSON.stringify(keyless)}\n${JSON.stringify(keyless)}\n`;
  expect(JSON.parse(await validate(text, '--json'))).toMatchObject({ rejected: 2 });
  printed.length = 0;
  expect(JSON.parse(await validate(text, '--json', '--make-keys'))).toMatchObject({
    accepted: 2,
    rejected: 0,
  });
});

test('a first line that is no JSON is one rejected line', async () => {
  const sum = JSON.parse(await validate(`{"cut":\n${JSON.stringify(good)}\n`, '--json'));
  expect(sum).toMatchObject({ events: 2, accepted: 1, rejected: 1, results: [{ line: 1 }] });
});

test.each([
  ['', 'There is no event in it.'],
  ['[1, ', 'The file is not JSON'],
])('%j cannot be validated', async (text, why) => {
  await expect(validate(text)).rejects.toThrow(why);
});

test('a file that is not there, a folder, and schemas that are not sound', async () => {
  const run = (...args: string[]) =>
    validateCommand({ env: {} }).parseAsync(args, { from: 'user' });
  await expect(run(path.join(folder, 'none'))).rejects.toThrow('there is no such file');
  await expect(run(folder)).rejects.toThrow('is a folder');
  await expect(run('x', '--schemas', '/nowhere')).rejects.toThrow('taxonomy.yaml');
});
