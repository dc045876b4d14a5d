import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCli, type CliAnswer } from '../cli/run-cli.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { order, type Sample } from '../endpoints/sample-events.ts';

let gate: OpenGate;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-try-'));
  gate = await openGate();
  const paid = { order_id: 'A', total: 1, currency: 'EUR' };
  await send([
    ...Array.from({ length: 700 }, () => order({ properties: paid })),
    order({ properties: { ...paid, tax: 3 } }),
    order({
      properties: {
        ...paid,
        items: [
          { sku: 'x', quantity: 1 },
          { sku: 'y', quantity: 2 },
        ],
      },
    }),
    // Rejected by version 2; the draft takes the first two of them.
    order({ properties: { order_id: 'A', total: 1 } }),
    order({ properties: { order_id: 'B', total: 1 } }),
    order({ user_id: 'null' }),
    order({ event_name: 'invoice_paid', properties: {} }),
  ]);
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function send(events: readonly Sample[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ events });
  const answer = await fetch(`${gate.url}/v1/batch`, { method: 'POST', headers, body });
  expect(answer.status).toBe(207);
}

async function draft(schema: object): Promise<string> {
  const file = path.join(folder, 'draft.json');
  await writeFile(file, JSON.stringify(schema));
  return file;
}

function run(...args: string[]): Promise<CliAnswer> {
  return runCli(['schemas', 'try', '--admin', gate.real.adminUrl, ...args]);
}

describe('headgate schemas try', () => {
  test('reports what a schema would have done to stored and rejected events', async () => {
    const before = [await gate.last('EVENTS'), await gate.last('REJECTED')];
    const file = await draft({
      type: 'object',
      required: ['order_id'],
      properties: {
        order_id: { type: 'string' },
        total: { type: 'number' },
        currency: { type: 'string' },
        items: {
          type: 'array',
          items: { type: 'object', properties: { quantity: { type: 'integer', maximum: 0 } } },
        },
      },
      additionalProperties: false,
    });
    const answer = await run('order_completed', '--file', file, '--json');
    expect(answer).toMatchObject({ code: 1, stderr: '' });
    const told = JSON.parse(answer.stdout);
    expect(told).toMatchObject({
      event_name: 'order_completed',
      mode: 'enforce',
      stored: { seen: 702, pass: 700, warned: 0, rejected: 2 },
      rejected: { seen: 3, newly_accepted: 2, still_rejected: 1 },
    });
    const places = told.violations.map((each: Record<string, unknown>) => [
      each['path'],
      each['stored'],
    ]);
    expect(places).toContainEqual(['/properties/items/{n}/quantity', 2]);
    expect(places).toContainEqual(['/properties/tax', 1]);
    expect(places).toContainEqual(['/user_id', 0]);
    expect(told.violations[0].examples[0]).toMatchObject({ stream: 'EVENTS' });
    expect([await gate.last('EVENTS'), await gate.last('REJECTED')]).toEqual(before);
  });

  test('tries a version of the folder, and prints the result as text', async () => {
    const answer = await run('order_completed@1', '--since', '1h');
    expect(answer).toMatchObject({ code: 1, stderr: '' });
    expect(answer.stdout).toContain('order_completed, version 1, mode enforce');
    expect(answer.stdout).toContain(
      '702: 0 would pass, 0 would pass with a warning, 702 would be rejected',
    );
    expect(answer.stdout).toContain('702  /properties/currency is not a known property');
    const active = await run('order_completed');
    expect(active).toMatchObject({ code: 0 });
    const none = await run(
      'order_completed@1',
      '--since',
      '2020-01-01T00:00:00Z',
      '--until',
      '24h',
      '--json',
    );
    expect(JSON.parse(none.stdout)).toMatchObject({ stored: { seen: 0 }, rejected: { seen: 0 } });
  });

  test('reports an error in one sentence', async () => {
    const unsafe = await draft({ properties: { a: { type: 'string', pattern: '(a+)+$' } } });
    const faults: [string[], number, RegExp][] = [
      [['order_completed@9'], 1, /has no version 9, only 1, 2/],
      [['order_paid@1'], 1, /has no event order_paid/],
      [['Order\n'], 2, /Name an event and a version/],
      [['order_completed@1', '--file', unsafe], 1, /not both/],
      [['order_completed', '--file', unsafe], 1, /is no schema to try/],
      [['order_completed', '--file', path.join(folder, 'none.json')], 1, /no such file/],
    ];
    for (const [args, code, sentence] of faults) {
      const answer = await run(...args);
      expect(answer).toMatchObject({ code, stdout: '' });
      expect(answer.stderr).toMatch(sentence);
    }
  });
});
