import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import { countMessages, readDead } from '../delivery/rig.ts';
import type { DeliveryAttempt } from '../../src/event/delivery-attempt.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { startRealLog } from '../real-log.ts';
import { connectService, makeSound, openQueue, startAdmin } from './dead-rig.ts';

let output = '';
let told = '';

beforeEach(() => {
  output = '';
  told = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** The one document that a command with --json printed. */
function printed(): Record<string, unknown> {
  const text = output;
  output = '';
  return JSON.parse(text) as Record<string, unknown>;
}

describe('headgate dead', () => {
  test('lists, shows, replays and discards over the admin port', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 3, { reason: 'refused \u001b[31mloudly' });
    await using admin = await startAdmin(log);

    await admin.run(['list']);
    const [head, ...rows] = output.trim().split('\n');
    expect(head).toBe('id\tevent\tsince\tattempts\treason');
    expect(rows).toHaveLength(3);
    expect(output).toContain('crm:1\torder_completed\t');
    expect(output + told).not.toContain('\u001b');
    expect(told).toMatch(/^3 of 3 dead letters\n {2}3 {2}refused/);
    expect(admin.tokens).toContain('Bearer sesame');

    output = '';
    await admin.run(['list', '--json', '--limit', '2']);
    expect(printed()).toMatchObject({
      deadLetters: [{ destination: 'crm' }, { destination: 'crm' }],
      total: 3,
      reasons: [{ reason: 'refused [31mloudly', count: 3 }],
    });

    await admin.run(['show', 'crm:2', '--json']);
    expect(output).toContain('"total":12345678901234567890');
    expect(printed()).toMatchObject({ id: 'crm:2', event: { eventName: 'order_completed' } });

    await admin.run(['discard', 'crm:2', '--why', 'a test']);
    expect(output).toBe('discarded crm:2\n');
    expect(await readDead(log, 'headgate.discarded.>')).toMatchObject([{ discardedWhy: 'a test' }]);

    await expect(admin.run(['replay', '--all'])).rejects.toMatchObject({
      exitCode: 1,
      code: 'commander.error',
    });
    output = '';
    await admin.run(['replay', '--all', '--dry-run', '--json']);
    expect(printed()).toMatchObject({ matched: 2, dryRun: true, reasons: [{ count: 2 }] });
    expect(await readDead(log)).toHaveLength(2);
    await admin.run(['replay', '--all', '--yes', '--json']);
    expect(printed()).toMatchObject({
      matched: 2,
      replayed: [{ id: expect.any(String) }, { id: expect.any(String) }],
      gone: [],
      busy: [],
    });
    expect(await readDead(log)).toEqual([]);
  });

  test('a try that failed because of the destination is shown, and not counted', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const probe: DeliveryAttempt = {
      destination: 'crm',
      sequence: '1',
      eventId: 'e-1',
      attempt: 1,
      charged: false,
      startedAt: new Date(Date.now() - 60_000).toISOString(),
      durationMs: 3,
      status: '503',
      error: 'away',
      correlationId: '',
      stream: 'EVENTS',
    };
    await log.store('ATTEMPTS', subjects.attempt('crm', 1), {}, JSON.stringify(probe));
    await makeSound(log, 1, { reason: 'answered 422' });
    await using admin = await startAdmin(log);
    await admin.run(['list']);
    expect(output).toMatch(/^crm:1\torder_completed\t\S+\t1\tanswered 422$/m);
    output = '';
    await admin.run(['show', 'crm:1', '--json']);
    expect(printed()).toMatchObject({
      attempts: [{ error: 'away', charged: false }, { charged: true }],
    });
  });

  test('filters select the same entries for list and for replay', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 2, { reason: 'answered 422: bad total' });
    await makeSound(log, 1, { reason: 'answered 413: too large' });
    await makeSound(log, 1, { reason: 'answered 413: too large', eventName: 'page_viewed' });
    await using admin = await startAdmin(log);
    const matched = async (...args: string[]): Promise<unknown> => {
      await admin.run(['list', '--json', ...args]);
      const { total, deadLetters } = printed() as { total: number; deadLetters: unknown[] };
      expect(deadLetters).toHaveLength(total);
      await admin.run(['replay', '--all', '--dry-run', '--json', ...args]);
      expect(printed()['matched']).toBe(total);
      return total;
    };
    expect(await matched()).toBe(4);
    expect(await matched('--reason', 'BAD total')).toBe(2);
    expect(await matched('--reason', '413')).toBe(2);
    expect(await matched('--reason', '413', '--event', 'page_viewed')).toBe(1);
    expect(await matched('--destination', 'warehouse')).toBe(0);
    expect(await matched('--since', '1h')).toBe(4);
    expect(await matched('--until', '1h')).toBe(0);
    expect(await matched('--until', '2999-01-01T00:00:00Z', '--since', '2020-01-01')).toBe(4);
    await admin.run(['replay', '--all', '--yes', '--reason', '413', '--rate', '1000']);
    expect(output).toBe('2 replayed\n');
    output = '';
    expect(await matched()).toBe(2);
  });

  test('a replay of many entries keeps its rate limit', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 11);
    await using admin = await startAdmin(log);
    const startedAt = performance.now();
    await admin.run(['replay', '--all', '--yes', '--rate', '20']);
    // The first at once, ten more at 50 ms each. A busy machine may be slower.
    expect(performance.now() - startedAt).toBeGreaterThan(495);
    expect(await countMessages(log, 'REPLAY')).toBe(11);
  });

  test('fixes an event by --set, and in an editor', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeSound(log, 2);
    await using admin = await startAdmin(log);
    await admin.run(['fix', 'crm:1', '--set', 'properties.coupon=SPRING', '--set', '/user_id="7"']);
    expect(output).toMatch(/^fixed crm:1/);
    output = '';
    await admin.run(['fix', 'crm:1', '--unset', 'properties.coupon', '--json']);
    expect(printed()).toMatchObject({ id: 'crm:1', fixed: true });
    await admin.run(['show', 'crm:1', '--json']);
    expect(output).toContain('"total":12345678901234567890');
    expect(printed()).toMatchObject({ event: { userId: '7', properties: { order_id: 'A-1' } } });

    const folder = await mkdtemp(path.join(tmpdir(), 'headgate-editor-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const EDITOR = path.join(folder, 'edit');
    await writeFile(EDITOR, '#!/bin/sh\nsed -i s/A-1/A-2/ "$1"\n');
    await chmod(EDITOR, 0o700);
    await admin.run(['fix', 'crm:2'], { EDITOR });
    const orders = (await readDead(log)).map(({ id, event }) => [id, event?.properties]);
    expect(orders).toMatchObject([
      ['crm:1', { order_id: 'A-1' }],
      ['crm:2', { order_id: 'A-2' }],
    ]);
    await expect(admin.run(['fix', 'crm:2'])).rejects.toThrow(/set EDITOR/);
    await expect(admin.run(['fix', 'crm:2'], { EDITOR: 'false' })).rejects.toThrow(
      /^The editor failed, so nothing was changed\.$/,
    );
    await expect(admin.run(['fix', 'crm:2'], { EDITOR: 'true' })).rejects.toThrow(
      /^The text was not changed in the editor, so nothing was done\.$/,
    );
  });

  test('reports an error in one sentence', async () => {
    await using real = await startRealLog();
    await makeSound(real.log, 1);
    await using admin = await startAdmin(real.log);
    await expect(admin.run(['show', 'crm:9'])).rejects.toThrow(/^There is no dead letter crm:9\./);
    await expect(admin.run(['discard', 'crm:9', '--why', ' '])).rejects.toThrow(/why is missing/);
    await expect(admin.run(['fix', 'crm:1', '--set', 'properties.total=-1'])).rejects.toThrow(
      /\/properties\/total/,
    );
    await expect(admin.run(['replay'])).rejects.toMatchObject({ code: 'commander.error' });
    for (const wrong of [
      ['list', '--limit', '0'],
      ['list', '--limit', '10001'],
      ['list', '--since', 'yesterday'],
      ['replay', '--all', '--rate', '0'],
      ['replay', '--all', '--rate', '100001'],
      ['fix', 'crm:1', '--set', 'total'],
    ]) {
      await expect(admin.run(wrong)).rejects.toMatchObject({
        code: 'commander.invalidArgument',
      });
    }
    await expect(admin.run(['list', '--admin', 'http://127.0.0.1:9'])).rejects.toThrow(
      /cannot be reached/,
    );
    expect(output).toBe('');
  });

  test('the service refuses requests above its limits', async () => {
    await using real = await startRealLog();
    await makeSound(real.log, 1);
    const service = connectService(await openQueue(real.log));
    const list = (more: object) => service.listDeadLetters({ pageSize: 10, ...more });
    await expect(list({ pageSize: 1_001 })).rejects.toMatchObject({ code: 3 });
    await expect(list({ pageToken: '4' })).rejects.toMatchObject({ code: 3 });
    await expect(list({ pageToken: 'rejected:1-1-9' })).rejects.toMatchObject({ code: 3 });
    await expect(list({ reason: 'x'.repeat(201) })).rejects.toMatchObject({ code: 3 });
    expect(await list({ pageSize: 1_000, reason: 'x'.repeat(200) })).toMatchObject({ total: 1n });
    await expect(service.countDeadLetters({ pageToken: 'x' })).rejects.toMatchObject({ code: 3 });

    const change = { path: '/user_id', valueJson: '"u"' };
    const fix = (more: object) => service.fixDeadLetter({ id: 'crm:1', ...more });
    await expect(fix({})).rejects.toThrow(/The request changes nothing: give event_json, or edits/);
    await expect(fix({ edits: Array.from({ length: 101 }, () => change) })).rejects.toThrow(/100/);
    await expect(fix({ edits: [{ path: `/${'x'.repeat(1_000)}` }] })).rejects.toThrow(/1000/);
    await expect(fix({ eventJson: ' '.repeat(4_097) })).rejects.toThrow(/4096 bytes/);
    await expect(
      service.discardDeadLetter({ id: 'crm:1', why: 'x'.repeat(2_001) }),
    ).rejects.toThrow(/2000/);
    expect(await fix({ edits: Array.from({ length: 100 }, () => change) })).toMatchObject({
      deadLetter: { event: { userId: 'u' } },
    });
  });
});
