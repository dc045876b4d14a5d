import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { runCli, type CliAnswer } from '../cli/run-cli.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { order, type Sample } from '../endpoints/sample-events.ts';

let gate: OpenGate;
let folder: string;

const count = 60;
const taxonomy = `# Kept.
verbs: [completed, renewed]
unplanned: warn
events:
  order_completed: # the shop's
    owner: checkout
    description: An order was paid for.
    active: 1
    compatibility: backward
`;
const orderSchema = {
  type: 'object',
  properties: {
    order_id: { type: 'string', description: 'Written by a person.' },
    total: { type: 'number' },
    currency: { enum: ['EUR'] },
  },
  required: ['order_id', 'total', 'currency'],
  additionalProperties: false,
};

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-infer-'));
  const schemas = path.join(folder, 'before');
  await writeContracts(schemas);
  gate = await openGate({ env: { HEADGATE_SCHEMAS_DIR: schemas } });
  const events = Array.from({ length: count }, (_, index): Sample[] => [
    order(),
    // Rejected: another currency, and one property more.
    order({ properties: { order_id: `B-${index}`, total: 1, currency: 'USD', tax: index } }),
    // Unplanned.
    order({
      event_name: 'plan_renewed',
      properties: { plan: index % 2 === 0 ? 'team' : 'free', seats: index, user: { age: 3 } },
    }),
  ]);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ events: events.flat() });
  const answer = await fetch(`${gate.url}/v1/batch`, { method: 'POST', headers, body });
  if (answer.status !== 207) throw new Error(`the events were not taken: ${answer.status}`);
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function writeContracts(schemas: string): Promise<void> {
  await mkdir(path.join(schemas, 'order_completed'), { recursive: true });
  await writeFile(path.join(schemas, 'taxonomy.yaml'), taxonomy);
  await writeFile(
    path.join(schemas, 'order_completed/1.json'),
    JSON.stringify(orderSchema, undefined, 2),
  );
}

function infer(...args: string[]): Promise<CliAnswer> {
  return runCli(['schemas', 'infer', '--admin', gate.real.adminUrl, ...args]);
}

async function readJson(...names: string[]): Promise<unknown> {
  return JSON.parse(await readFile(path.join(folder, ...names), 'utf8'));
}

test('a folder is written from stored, unplanned and rejected events', async () => {
  const before = [await gate.last('EVENTS'), await gate.last('REJECTED')];
  const out = path.join(folder, 'new');
  const report = path.join(folder, 'report.md');
  const answer = await infer('--out', out, '--report', report);
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  expect(answer.stdout).toContain(`order_completed\t120\t60\tnew: order_completed/1.json`);
  expect(answer.stdout).toContain(`plan_renewed\t60\t0\tnew: plan_renewed/1.json`);
  expect(await readJson('new/plan_renewed/1.json')).toMatchObject({
    required: ['plan', 'seats', 'user'],
    properties: { plan: { enum: ['free', 'team'] }, seats: { type: 'integer', minimum: 0 } },
    additionalProperties: false,
  });
  expect(await readJson('new/order_completed/1.json')).toMatchObject({
    required: ['currency', 'order_id', 'total'],
    properties: { currency: { enum: ['EUR', 'USD'] } },
  });
  expect(await readFile(report, 'utf8')).toContain('# Contracts from what came');
  const check = await runCli(['schemas', 'check', '--schemas', out]);
  expect(check).toMatchObject({ code: 0, stderr: '' });
  expect([await gate.last('EVENTS'), await gate.last('REJECTED')]).toEqual(before);
  // What was stored breaks nothing of it.
  const again = await infer('--out', out, '--update');
  expect(again.stdout).toContain('order_completed\t120\t60\tkept');
});

test('without rejected events, they change nothing', async () => {
  const out = path.join(folder, 'stored');
  const answer = await infer('--out', out, '--no-rejected', '--event', 'order_completed');
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  expect(answer.stdout).toContain('order_completed\t60\t0\tnew');
  expect(answer.stdout).not.toContain('plan_renewed');
});

test('--update adds to the contracts of people', async () => {
  const out = path.join(folder, 'before');
  expect(await infer('--out', out)).toMatchObject({ code: 1 });
  const answer = await infer('--out', out, '--update');
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  expect(answer.stdout).toContain('version: order_completed/2.json');
  expect(await readJson('before/order_completed/1.json')).toEqual(orderSchema);
  expect(await readJson('before/order_completed/2.json')).toMatchObject({
    properties: {
      order_id: { type: 'string', description: 'Written by a person.' },
      currency: { enum: ['EUR', 'USD'] },
      tax: { type: 'number' },
    },
    required: ['order_id', 'total', 'currency'],
    additionalProperties: false,
  });
  const written = await readFile(path.join(out, 'taxonomy.yaml'), 'utf8');
  const before = taxonomy.replace('active: 1', 'active: 2');
  expect(written.startsWith(`${before}  plan_renewed:\n    owner: TODO\n`)).toBe(true);
  const check = await runCli(['schemas', 'check', '--schemas', out]);
  expect(check).toMatchObject({ code: 0, stderr: '' });
});

test('what was read is in the audit log', async () => {
  const { stdout } = await runCli(['audit', '--admin', gate.real.adminUrl, '--json']);
  const entries = stdout.trim().split('\n');
  expect(entries.filter((entry) => entry.includes('any_name')).length).toBeGreaterThan(0);
});

test('no event, no folder', async () => {
  const out = path.join(folder, 'none');
  const answer = await infer('--out', out, '--since', '2020-01-01T00:00:00Z', '--until', '24h');
  expect(answer).toMatchObject({ code: 1, stdout: '' });
  expect(answer.stderr).toContain('No event came in this time');
});

test('names of any kind, from observe mode to a contract that takes them', async () => {
  const observed = path.join(folder, 'observed');
  await mkdir(observed);
  await writeFile(path.join(observed, 'taxonomy.yaml'), 'events: {}\n');
  const events = Array.from({ length: 40 }, (_, index): Sample[] => [
    order({ event_name: 'Login', properties: { method: index % 2 ? 'sso' : 'password' } }),
    order({ event_name: 'Заказ оплачен', properties: { total: index } }),
    order({ event_name: 'order_shipped', properties: { total: index } }),
    order({ event_name: 'Order Shipped', properties: { total: index } }),
  ]).flat();
  const out = path.join(folder, 'contracts');
  await using first = await openGate({ env: { HEADGATE_SCHEMAS_DIR: observed } });
  expect(await accepted(first, events)).toBe(events.length);
  const args = ['schemas', 'infer', '--admin', first.real.adminUrl, '--out', out];
  const answer = await runCli(args);
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  expect(answer.stdout).toContain('Login\t40\t0\tnew: +login/1.json');
  expect(answer.stdout).toContain('is "Order Shipped" the same event? Then write an alias');
  const check = await runCli(['schemas', 'check', '--schemas', out]);
  expect(check).toMatchObject({ code: 0, stderr: '' });
  await using second = await openGate({ env: { HEADGATE_SCHEMAS_DIR: out } });
  const again = events.map((event) => ({ ...event, idempotency_key: randomUUID() }));
  expect(await accepted(second, again)).toBe(events.length);
  expect(await warned(second, order({ event_name: 'Login', properties: { method: 1 } }))).toBe(
    'schema_violation',
  );
  expect(await warned(second, order({ event_name: 'Anything Else' }))).toBe('unplanned_event');
});

async function accepted(on: OpenGate, events: readonly Sample[]): Promise<number> {
  const { results } = await post(on, '/v1/batch', { events });
  return results!.filter(({ status }) => status === 'accepted').length;
}

async function warned(on: OpenGate, event: Sample): Promise<string | undefined> {
  const { warnings } = await post(on, '/v1/track', event);
  return warnings?.[0]?.code;
}

interface Answer {
  readonly results?: readonly { readonly status: string }[];
  readonly warnings?: readonly { readonly code: string }[];
}

async function post(on: OpenGate, target: string, body: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${on.url}${target}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Answer;
}
