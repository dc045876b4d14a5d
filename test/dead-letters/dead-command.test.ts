import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { deadCommand } from '../../src/cli/dead.ts';
import { createDeadLetterService } from '../../src/dead-letters/dead-letter-service.ts';
import { createDeadLetterQueue } from '../../src/dead-letters/queue.ts';
import type { Log } from '../../src/jetstream/log.ts';
import {
  createTestSignals,
  makeDead,
  readDead,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

let output = '';
const seenTokens: (string | undefined)[] = [];

beforeEach(() => {
  output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function startAdmin(log: Log) {
  const queue = createDeadLetterQueue(log);
  const { signals } = createTestSignals();
  const handler = connectNodeAdapter({
    routes: (router) => router.service(DeadLetterService, createDeadLetterService(queue, signals)),
  });
  const server = createServer((request, response) => {
    seenTokens.push(request.headers.authorization);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    run: (...args: string[]) => {
      const env = { HEADGATE_ADMIN_LISTEN: `127.0.0.1:${port}`, HEADGATE_ADMIN_TOKEN: 'sesame' };
      const command = deadCommand({ env })
        .exitOverride()
        .configureOutput({ writeErr: () => {} });
      for (const child of command.commands) {
        child.exitOverride().configureOutput({ writeErr: () => {} });
      }
      return command.parseAsync(args, { from: 'user' });
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describe('headgate dead', () => {
  test('lists, shows, replays and discards over the admin port', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await makeDead(log, 3, { reason: 'refused \u001b[31mloudly' });
    await using admin = await startAdmin(log);

    await admin.run('list');
    expect(output.trim().split('\n')).toHaveLength(3);
    expect(output).toContain('crm:1\torder_completed\t');
    expect(output).not.toContain('\u001b');
    expect(seenTokens).toContain('Bearer sesame');

    output = '';
    await admin.run('list', '--json', '--limit', '2');
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).destination),
    ).toEqual(['crm', 'crm']);

    output = '';
    await admin.run('show', 'crm:2', '--json');
    expect(JSON.parse(output)).toMatchObject({
      id: 'crm:2',
      event: { eventName: 'order_completed' },
    });

    output = '';
    await admin.run('discard', 'crm:2', '--why', 'a test');
    expect(output).toBe('discarded crm:2\n');
    expect(await readDead(log, 'headgate.discarded.>')).toMatchObject([{ discardedWhy: 'a test' }]);

    await expect(admin.run('replay', '--all')).rejects.toMatchObject({
      exitCode: 1,
      code: 'commander.error',
    });
    output = '';
    await admin.run('replay', '--all', '--yes', '--json');
    expect(output.trim().split('\n')).toHaveLength(2);
    expect(await readDead(log)).toEqual([]);
  });

  test('says in one sentence what is wrong', async () => {
    await using real = await startRealLog();
    await using admin = await startAdmin(real.log);
    await expect(admin.run('show', 'crm:9')).rejects.toThrow(/^There is no dead letter crm:9\./);
    await expect(admin.run('discard', 'crm:9', '--why', ' ')).rejects.toThrow(/why is missing/);
    await expect(admin.run('replay')).rejects.toMatchObject({ code: 'commander.error' });
    await expect(admin.run('list', '--limit', '0')).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    });
    await expect(admin.run('list', '--admin', 'http://127.0.0.1:9')).rejects.toThrow(
      /cannot be reached/,
    );
    expect(output).toBe('');
  });

  test('the service refuses a page beyond its limit', async () => {
    await using real = await startRealLog();
    const service = createDeadLetterService(
      createDeadLetterQueue(real.log),
      createTestSignals().signals,
    );
    const ask = (pageSize: number, pageToken = '') =>
      service.listDeadLetters(
        { destination: '', eventName: '', pageSize, pageToken } as never,
        undefined as never,
      );
    await expect(ask(1_001)).rejects.toMatchObject({ code: 3 });
    await expect(ask(10, 'x')).rejects.toMatchObject({ code: 3 });
    expect(await ask(1_000)).toMatchObject({ total: 0n });
  });
});
