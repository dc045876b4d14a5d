import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { asAdmin } from '../admin-token.ts';
import { askAdmin } from '../ask-admin.ts';
import { runCli } from '../cli/run-cli.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { publishEvents } from './rig.ts';

/* A destination that an operator pauses and resumes, in a real service. */

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

interface Shown {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly pausedBy?: string;
  readonly waiting?: string;
  readonly since?: string;
}

let crm: RealHttpServer;
let other: RealHttpServer;
beforeAll(async () => {
  crm = await startHttpServer((_request, response) => response.writeHead(204).end());
  other = await startHttpServer((_request, response) => response.writeHead(204).end());
});
afterAll(async () => {
  await crm.close();
  await other.close();
});

const yamlOf = (): string =>
  'destinations:\n' +
  [['crm', crm] as const, ['other', other] as const]
    .map(
      ([name, { port }]) =>
        `  ${name}: { type: webhook, url: "http://127.0.0.1:${port}/x", secret: "${secret}", ` +
        'allow_private_addresses: true, from: earliest, ack_wait: 1s }\n',
    )
    .join('');

async function shown({ adminUrl }: RealService, name = 'crm'): Promise<Shown> {
  const { destinations } = await askAdmin<{ destinations: Shown[] }>(
    adminUrl,
    'DestinationService/ListDestinations',
  );
  return destinations.find((one) => one.name === name)!;
}

const act = <Answer = unknown>({ adminUrl }: RealService, rpc: string, request: object) =>
  askAdmin<Answer>(adminUrl, `DestinationService/${rpc}`, request);

async function gauge({ adminUrl }: RealService): Promise<string[]> {
  const page = await (await fetch(`${adminUrl}/metrics`, asAdmin)).text();
  return page.match(/^headgate_destination_paused\{.*$/gm)!.toSorted();
}

test('a paused destination gets nothing and spends nothing, also after a restart', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-pause-'));
  const start = (): Promise<RealService> =>
    startRealService({ env: { HEADGATE_DATA_DIR: dataDir }, yaml: yamlOf() });
  try {
    let before: Shown;
    {
      await using real = await start();
      await publishEvents(real.service.log, 5);
      await expect.poll(() => crm.received.length).toBe(5);
      await act(real, 'PauseDestination', { name: 'crm', why: ' they migrate ' });
      await expect
        .poll(() => gauge(real))
        .toEqual([
          'headgate_destination_paused{destination="crm"} 1',
          'headgate_destination_paused{destination="other"} 0',
        ]);
      await publishEvents(real.service.log, 20);
      // The other one is not held up.
      await expect.poll(() => other.received.length).toBe(25);
      before = await shown(real);
      expect(before).toMatchObject({
        state: 'PAUSED',
        reason: 'they migrate',
        pausedBy: 'admin',
        waiting: '20',
      });
      expect(await shown(real, 'other')).toMatchObject({ state: 'RUNNING' });
      expect(crm.received).toHaveLength(5);
    }
    await using real = await start();
    await publishEvents(real.service.log, 1);
    await expect.poll(() => other.received.length).toBe(26);
    expect(crm.received).toHaveLength(5);
    const { reason, pausedBy, since } = before;
    const after = { state: 'PAUSED', reason, pausedBy, since, waiting: '21' };
    expect(await shown(real)).toMatchObject(after);

    // Another reason, and it stays paused since it was.
    await act(real, 'PauseDestination', { name: 'crm', why: 'still' });
    expect(await shown(real)).toMatchObject({ reason: 'still', since: before.since });

    const resumed = await act<{ resumed: boolean }>(real, 'ResumeDestination', { name: 'crm' });
    expect(resumed.resumed).toBe(true);
    // Those that the first process held come after their acknowledgement wait.
    await expect.poll(() => crm.received.length, { timeout: 8_000 }).toBe(26);
    expect(await shown(real)).toMatchObject({ state: 'RUNNING' });
    expect(await gauge(real)).toContain('headgate_destination_paused{destination="crm"} 0');
    const again = await act<{ resumed?: boolean }>(real, 'ResumeDestination', { name: 'crm' });
    expect(again.resumed).toBeUndefined();
    const { attempts } = await act<{ attempts?: unknown[] }>(real, 'GetDestination', {
      name: 'crm',
    });
    expect(attempts).toBeUndefined();
  } finally {
    await rm(dataDir, { recursive: true });
  }
});

test('a worker of another process follows within a second', async () => {
  await using log: RealLog = await startRealLog();
  const { servers, user, password } = log.server.address;
  const env = {
    HEADGATE_NATS_URL: `nats://${user}:${password}@${servers[0]!.replace(/^nats:\/\//, '')}`,
    HEADGATE_DURABILITY: 'async',
  };
  const yaml = yamlOf();
  await using worker = await startRealService({ env: { ...env, HEADGATE_ROLES: 'deliver' }, yaml });
  await using gate = await startRealService({ env: { ...env, HEADGATE_ROLES: 'gate' }, yaml });
  const seen = crm.received.length;
  await act(gate, 'PauseDestination', { name: 'crm', why: 'a test' });
  await expect
    .poll(() => gauge(worker), { timeout: 1_000, interval: 50 })
    .toContain('headgate_destination_paused{destination="crm"} 1');
  expect(await shown(gate)).toMatchObject({ state: 'PAUSED', pausedBy: 'admin' });
  const delivered = other.received.length;
  await publishEvents(gate.service.log, 3);
  await expect.poll(() => other.received.length).toBe(delivered + 3);
  expect(crm.received).toHaveLength(seen);
  await act(gate, 'ResumeDestination', { name: 'crm' });
  await expect.poll(() => crm.received.length, { timeout: 2_000 }).toBe(seen + 3);
});

test('the commands pause and resume, and what cannot be is refused', async () => {
  await using real = await startRealService({ yaml: yamlOf() });
  const run = (...args: string[]) => runCli(['destinations', '--admin', real.adminUrl, ...args]);
  expect(await run('pause', 'crm', '--why', 'their deploy')).toMatchObject({
    code: 0,
    stdout: 'paused crm; 0 events wait\n',
  });
  const { stdout } = await run();
  expect(stdout).toMatch(
    /^crm\twebhook\tpaused\t0\t-\t\d+\t0\ttheir deploy; by admin, for \d+m?s$/m,
  );
  expect(await run('resume', 'crm')).toMatchObject({
    code: 0,
    stdout: 'resumed crm; 0 events wait\n',
  });
  expect((await run('resume', 'crm')).stdout).toBe('crm was not paused; 0 events wait\n');
  expect((await run('pause', 'none', '--why', 'x')).stderr).toMatch(/no destination none/);

  const pause = (name: string, why: string) => act(real, 'PauseDestination', { name, why });
  await expect(pause('crm', ' ')).rejects.toThrow(/why is missing/);
  await expect(pause('crm', 'x'.repeat(2_001))).rejects.toThrow(/2001 characters/);
  await pause('crm', 'x'.repeat(2_000));
  const { entries } = await askAdmin<{ entries: { action: string; why?: string }[] }>(
    real.adminUrl,
    'AuditService/ListAudit',
    { action: 'PauseDestination', destination: 'crm' },
  );
  expect(entries.map(({ why }) => why)).toContain('their deploy');
});

test('failed attempts are shown with their answers, the newest first', async () => {
  const down = await startHttpServer((_request, response) =>
    response.writeHead(422).end('no such customer'),
  );
  try {
    await using real = await startRealService({
      yaml: `destinations:\n  crm: { type: webhook, url: "http://127.0.0.1:${down.port}/x", secret: "${secret}", allow_private_addresses: true, from: earliest, retry: { attempts: 2, base: 10ms, cap: 10ms } }\n`,
    });
    await publishEvents(real.service.log, 3);
    interface Attempt {
      readonly status: string;
      readonly error: string;
      readonly eventName: string;
      readonly startedAt: string;
    }
    const read = async (attemptsMax: number): Promise<Attempt[]> => {
      const answer = await act<{ attempts?: Attempt[] }>(real, 'GetDestination', {
        name: 'crm',
        attemptsMax,
      });
      return answer.attempts ?? [];
    };
    await expect.poll(async () => (await read(0)).length, { timeout: 8_000 }).toBe(6);
    const attempts = await read(2);
    expect(attempts).toHaveLength(2);
    expect(attempts[0]).toMatchObject({ status: '422', eventName: 'order_completed' });
    expect(attempts[0]!.error).toContain('422');
    const times = (await read(100)).map(({ startedAt }) => Date.parse(startedAt));
    expect(times).toEqual(times.toSorted((one, next) => next - one));
    await expect(read(101)).rejects.toThrow(/at most 100/);
    await expect(act(real, 'GetDestination', { name: 'none' })).rejects.toThrow(/none/);
  } finally {
    await down.close();
  }
});
