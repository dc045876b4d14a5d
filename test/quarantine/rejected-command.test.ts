import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCli, type CliAnswer } from '../cli/run-cli.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { order } from '../endpoints/sample-events.ts';

let gate: OpenGate;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-rejected-'));
  gate = await openGate();
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function run(args: readonly string[], env: Record<string, string> = {}): Promise<CliAnswer> {
  return runCli(['rejected', '--admin', gate.real.adminUrl, ...args], { env });
}

async function send(event: unknown): Promise<void> {
  const answer = await fetch(`${gate.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof event === 'string' ? event : JSON.stringify(event),
  });
  expect(answer.status).toBe(422);
}

/** The position of the last rejected event. */
const lastNumber = (): Promise<number> => gate.last('REJECTED');

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const noCurrency = { order_id: 'A-1', total: 12345678901234567890n };

describe('headgate rejected', () => {
  test('edits one with --set, and stores it once', async () => {
    const key = randomUUID();
    const body = JSON.stringify(order({ idempotency_key: key, properties: {} })).replace(
      '"properties":{}',
      `"properties":{"order_id":"A-1","total":${noCurrency.total}}`,
    );
    await send(body);
    const number = String(await lastNumber());
    const before = await gate.last('EVENTS');

    const unchanged = await run(['replay', number]);
    expect(unchanged).toMatchObject({ code: 1 });
    expect(unchanged.stdout).toContain(`${number}: rejected\n  schema_violation:`);
    expect(await gate.last('EVENTS')).toBe(before);

    const tried = await run(['replay', number, '--set', 'properties.currency=EUR', '--dry-run']);
    expect(tried).toMatchObject({ code: 0, stdout: `${number}: would be accepted\n` });
    expect(await gate.last('EVENTS')).toBe(before);

    const done = await run(['replay', number, '--set', 'properties.currency=EUR', '--json']);
    expect(done.code).toBe(0);
    expect(lines(done.stdout)).toEqual([
      expect.objectContaining({ number: Number(number), status: 'accepted', idempotency_key: key }),
    ]);
    const [stored] = await gate.events(before);
    expect(stored!.subject).toBe('headgate.events.0.default.order_completed');
    expect(stored!.bytes.toString()).toContain('"total":12345678901234567890,"currency":"EUR"');

    const again = await run(['replay', number]);
    expect(again).toMatchObject({
      code: 0,
      stdout: `${number}: duplicate (EVENTS ${stored!.sequence})\n`,
    });
    expect(await gate.last('EVENTS')).toBe(stored!.sequence);
    const shown = await run(['list', '--json']);
    expect(shown.stdout).not.toContain(key);
    const all = await run(['list', '--json', '--replayed']);
    expect(lines(all.stdout).find((line) => line['idempotencyKey'] === key)).toMatchObject({
      replay: { status: 'ACCEPTED', sequence: String(stored!.sequence) },
    });
  });

  test('counts the other violations of an event, and cuts no cell in a pipe', async () => {
    await send(order({ properties: { order_id: 'x'.repeat(90), total: 'a', currency: 'b' } }));
    const several = await run(['list', '--event', 'order_completed', '--code', 'schema_violation']);
    expect(several.stdout).toMatch(/\t\/properties\/\S+ [^\t…]+ \(and [12] more\)$/m);
  });

  test('lists, shows and counts by source, event, code and time', async () => {
    await send(order({ event_name: 'parcel_paid' }));
    await send(order({ event_name: 'parcel_paid' }));
    await send(order({ user_id: 'null' }));
    const listed = await run(['list', '--event', 'parcel_paid']);
    const [head, ...rows] = listed.stdout.trim().split('\n');
    expect(head).toBe('number\treceived\tsource\tevent\tcode\twhy');
    expect(rows).toHaveLength(2);
    expect(listed.stdout).toContain('\tparcel_paid\tunplanned_event\t');
    const byCode = await run(['list', '--json', '--code', 'missing_identity', '--since', '1h']);
    expect(lines(byCode.stdout)).toMatchObject([{ error: { code: 'missing_identity' } }]);
    const none = await run(['list', '--until', '1h']);
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'No rejected events.\n' });
    const limited = await run(['list', '--limit', '1', '--json']);
    expect(lines(limited.stdout)).toHaveLength(1);

    const number = String(await lastNumber());
    const one = await run(['show', number]);
    expect(one.stdout).toContain('"code": "missing_identity"');
    expect(one.stdout).toContain('\nevent:\n{"event_name":"order_completed"');
    const original = await run(['show', number, '--original']);
    expect(original.stdout).toBe((await gate.rejected(Number(number) - 1))[0]!.bytes.toString());

    const counted = await run(['stats', '--json', '--event', 'parcel_paid', '--per', 'day']);
    expect(JSON.parse(counted.stdout)).toMatchObject({
      total: 2,
      groups: [{ source: 'default', event: 'parcel_paid', code: 'unplanned_event', count: 2 }],
    });
    const plain = await run(['stats', '--code', 'missing_identity']);
    expect(plain.stdout).toMatch(
      /^source\tevent\tcode\tcount\tfirst\tlast\ndefault\torder_completed\tmissing_identity\t1\t/,
    );
  });

  test('replays all events that a filter selects, after a confirmation', async () => {
    const keys = [randomUUID(), randomUUID()];
    for (const key of keys) {
      await send(
        order({ event_name: 'invoice_paid', idempotency_key: key, properties: { sum: 1 } }),
      );
    }
    const before = await gate.last('EVENTS');
    const set = ['/properties/invoice_id="7"', 'properties.amount=12.5', 'properties.currency=EUR'];
    const edits = ['--unset', 'properties.sum', ...set.flatMap((each) => ['--set', each])];
    const asked = await run(['replay', '--all', '--event', 'invoice_paid', ...edits]);
    expect(asked.code).toBe(2);
    expect(asked.stdout).toContain('2 would be accepted, 0 stored before');
    expect(asked.stderr).toContain('nothing was changed; add --yes');
    expect(await gate.last('EVENTS')).toBe(before);

    const done = await run(['replay', '--all', '--event', 'invoice_paid', '--yes', ...edits]);
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toBe('2 accepted, 0 stored before, 0 refused again, 0 not tried\n');
    const stored = await gate.events(before);
    expect(stored.map(({ bytes }) => JSON.parse(bytes.toString()))).toMatchObject(
      keys.map((key) => ({
        idempotencyKey: key,
        properties: { invoice_id: '7', amount: 12.5, currency: 'EUR' },
      })),
    );
    const nothing = await run(['replay', '--all', '--event', 'invoice_paid', '--yes', '--json']);
    expect(lines(nothing.stdout)).toEqual([
      { dryRun: false, accepted: 0, duplicates: 0, rejected: 0, retry: 0 },
    ]);
  });

  test('finds events by their name in any form', async () => {
    await send(order({ event_name: 'Cafe\u0301 Visited' }));
    const number = String(await lastNumber());
    for (const name of ['Cafe\u0301 Visited', 'Caf\u00e9 Visited']) {
      const found = lines((await run(['list', '--event', name, '--json'])).stdout);
      expect(found.map(({ sequence }) => sequence)).toEqual([number]);
    }
  });

  test('opens one in the editor', async () => {
    await send(order({ properties: { order_id: 'B-1', total: 1, currency: 'euro' } }));
    const number = String(await lastNumber());
    const editor = path.join(folder, 'editor.sh');
    await writeFile(editor, '#!/bin/sh\nsed -i \'s/euro/EUR/\' "$2"\n', { mode: 0o700 });
    const same = await run(['replay', number, '--edit'], { EDITOR: 'true', VISUAL: '' });
    expect(same).toMatchObject({ code: 1, stdout: '' });
    expect(same.stderr).toContain('The text was not changed in the editor, so nothing was done.');
    const done = await run(['replay', number, '--edit'], {
      EDITOR: `${editor} --wait`,
      VISUAL: '',
    });
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(/: accepted \(EVENTS \d+\)\n$/);
  });

  test('discards: counts first, keeps the reason, and replays none of them', async () => {
    const events = [1, 2, 3].map(() => order({ event_name: 'load_tested' }));
    const answer = await fetch(`${gate.url}/v1/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ events }),
    });
    expect(answer.status).toBe(422);
    const filter = ['--event', 'load_tested'];
    const all = ['discard', '--all', ...filter, '--why', 'load test'];
    const counted = await run(all);
    expect(counted).toMatchObject({ code: 2, stdout: '3 would be discarded\n' });
    expect(counted.stderr).toContain('nothing was changed; add --yes to do it');
    expect(lines((await run(['list', '--json', ...filter])).stdout)).toHaveLength(3);

    const number = String(await lastNumber());
    const one = await run(['discard', number, '--why', ' test data ']);
    expect(one).toMatchObject({ code: 0, stdout: `discarded ${number}\n` });
    const again = await run(['discard', number, '--why', 'again']);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`Event ${number} is discarded already: test data`);
    const replayed = await run(['replay', number]);
    expect(replayed).toMatchObject({ code: 1 });
    expect(replayed.stdout).toContain('rejected_settled: It was discarded: test data');

    const done = await run([...all, '--yes', '--json']);
    expect(done).toMatchObject({ code: 0, stdout: '{"discarded":2,"dryRun":false}\n' });
    const replay = await run(['replay', '--all', ...filter, '--yes', '--json']);
    expect(lines(replay.stdout)).toEqual([
      { dryRun: false, accepted: 0, duplicates: 0, rejected: 0, retry: 0 },
    ]);
    expect((await run(['list', ...filter, '--replayed'])).stdout).toBe('');
    const shown = await run(['list', ...filter, '--discarded']);
    expect(shown.stdout.match(/\tdiscarded: load test\n/g)).toHaveLength(2);
    expect(shown.stdout).toContain('\tdiscarded: test data\n');
    const counts = await run(['stats', '--json', ...filter, '--discarded']);
    expect(JSON.parse(counts.stdout)).toMatchObject({ total: 3 });
  });

  test('reports an error in one sentence', async () => {
    const ndjson = { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } };
    await fetch(`${gate.url}/v1/batch`, { ...ndjson, body: '{"event_name":' });
    const number = String(await lastNumber());
    const faults: [string[], number, RegExp][] = [
      [['show', '999999'], 1, /There is no rejected event 999999/],
      [['show', 'x'], 2, /"x" is not a number of "headgate rejected list"/],
      [['replay', '1', '--set', 'x'], 2, /path=value/],
      [['discard', '1'], 2, /--why/],
      [['discard', '--why', 'x'], 2, /name one rejected event, or say --all/],
      [['discard', '999999', '--why', 'x'], 1, /There is no rejected event 999999/],
      [['discard', '1', '--why', ' '], 1, /why is missing/],
      [['replay'], 2, /name one rejected event, or say --all/],
      [['replay', '--all', '--edit'], 2, /--edit takes one/],
      [['list', '--since', 'soon'], 2, /how long ago/],
      [['replay', '--all', '--rate', '0'], 2, /above 0/],
    ];
    for (const [args, code, sentence] of faults) {
      const answer = await run(args);
      expect(answer).toMatchObject({ code, stdout: '' });
      expect(answer.stderr).toMatch(sentence);
    }
    const unreadable = await run(['replay', number, '--set', 'user_id=u']);
    expect(unreadable).toMatchObject({ code: 1 });
    expect(unreadable.stdout).toContain(
      'invalid_edit: The event cannot be edited: it is not JSON.',
    );
  });
});
