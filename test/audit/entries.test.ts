import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import {
  AuditEntrySchema,
  AuditService,
  type AuditEntry,
  type ListAuditRequest,
} from '../../gen/headgate/v1/audit_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { hashOperatorToken, newOperatorToken } from '../../src/config/operators/operator-token.ts';
import { eventIdOf } from '../../src/event/event-id.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { sizeOf } from '../../src/jetstream/read/stream-size.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { runCli } from '../cli/run-cli.ts';
import { prepareGate } from '../crash/gate-process.ts';
import { makeSound } from '../dead-letters/dead-rig.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { connect, readEntries, sendEvent } from './audit-rig.ts';

const adaToken = newOperatorToken();
const yaml =
  'destinations: {}\noperators:\n' +
  `  - { name: ada, role: operator, hash: "${hashOperatorToken(adaToken)}" }\n`;
const keys = Array.from({ length: 5 }, () => randomUUID());

let real: RealService;
let beganMs: number;
let dead: string[];

/** The same service, called by Ada. */
function byAda() {
  const transport = createConnectTransport({
    baseUrl: real.adminUrl,
    httpVersion: '1.1',
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${adaToken}`);
        return next(request);
      },
    ],
  });
  return { rejected: createClient(RejectedService, transport) };
}

beforeAll(async () => {
  real = await startRealService({ yaml });
  beganMs = Date.now();
  for (const key of keys) {
    await sendEvent(real, order({ idempotency_key: key, user_id: 'null' }));
  }
  await makeSound(real.service.log, 2);
  const { deadLetters } = await connect(real, DeadLetterService).listDeadLetters({});
  dead = deadLetters.map(({ id }) => id);
  await connect(real, DeadLetterService).discardDeadLetter({ id: dead[0]!, why: 'a first test' });
  await connect(real, DeadLetterService).replayDeadLetter({ id: dead[1]! });
}, 60_000);
afterAll(() => real[Symbol.asyncDispose]());

type Filter = Partial<Omit<ListAuditRequest, '$typeName' | '$unknown'>>;

async function list(filter: Filter = {}): Promise<AuditEntry[]> {
  const service = connect(real, AuditService);
  const entries: AuditEntry[] = [];
  let pageToken = '';
  do {
    const page = await service.listAudit({ ...filter, pageToken });
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return entries;
}

test('a replay of several pages is one entry with the sum of its counts', async () => {
  const { rejected } = byAda();
  const request = { filter: { source: 'default' }, dryRun: true, pageSize: 2 };
  let pageToken = '';
  let requests = 0;
  do {
    ({ nextPageToken: pageToken } = await rejected.replayRejected({ ...request, pageToken }));
    requests += 1;
  } while (pageToken !== '');
  expect(requests).toBeGreaterThan(2);

  const entries = await list({ operator: 'ada', action: 'ReplayRejected' });
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({
    operator: 'ada',
    role: 'operator',
    dryRun: true,
    outcome: 'ok',
    counts: { rejected: 5n },
    eventCount: 5n,
    requests,
    more: false,
  });
  expect(entries[0]!.events.map(({ rejected: number }) => number)).toEqual([1n, 2n, 3n, 4n, 5n]);

  // An event that only a later page found leads to the same entry, once.
  const last = await list({ event: eventIdOf('default', keys[4]!), action: 'ReplayRejected' });
  expect(last.map(({ id }) => id)).toEqual([entries[0]!.id]);
});

test('a list of several pages is one view', async () => {
  const { rejected } = byAda();
  const before = (await readEntries(real.service.log)).length;
  let pageToken = '';
  do {
    ({ nextPageToken: pageToken } = await rejected.listRejected({ pageSize: 2, pageToken }));
  } while (pageToken !== '');
  const views = (await readEntries(real.service.log)).slice(before);
  expect(views).toMatchObject([
    { kind: 'view', action: 'ListRejected', operator: 'ada', counts: { shown: 2 }, more: true },
  ]);
});

test('an act that stopped between two pages says so', async () => {
  const request = { filter: { source: 'default' }, why: 'half of it', dryRun: true, pageSize: 2 };
  await byAda().rejected.discardRejected(request);
  const [entry] = await list({ action: 'DiscardRejected' });
  expect(entry).toMatchObject({ outcome: 'ok', more: true, counts: { discarded: 2n } });
});

describe('filters', () => {
  test.each([
    ['the action', () => ({ action: 'DiscardDeadLetter' }), 1],
    ['an action that does not exist', () => ({ action: 'Discard.*' }), 0],
    ['the operator', () => ({ operator: 'stranger' }), 0],
    ['the destination', () => ({ destination: 'crm', action: 'ReplayDeadLetter' }), 1],
    ['another destination', () => ({ destination: 'erp', action: 'ReplayDeadLetter' }), 0],
    ['the id of a dead letter', () => ({ event: dead[1]!, action: 'ReplayDeadLetter' }), 1],
    ['another dead letter', () => ({ event: dead[0]!, action: 'ReplayDeadLetter' }), 0],
    ['a time before', () => ({ until: timestampFromMs(beganMs - 60_000) }), 0],
    ['a time after', () => ({ since: timestampFromMs(Date.now() + 60_000) }), 0],
  ])('by %s', async (_what, filter, count) => {
    expect(await list(filter())).toHaveLength(count);
  });

  test('the event_id of a dead letter leads to what was done with it, and why', async () => {
    const [all] = await list({ action: 'DiscardDeadLetter' });
    const { eventId } = all!.events[0]!;
    expect(eventId).toMatch(/^[0-9a-f-]{36}$/);
    const found = await list({ event: eventId });
    expect(found.map(({ action, why }) => [action, why])).toEqual([
      ['DiscardDeadLetter', 'a first test'],
    ]);
  });

  test('pages of one entry are the whole list', async () => {
    const since = timestampFromMs(beganMs - 60_000);
    const until = timestampFromMs(Date.now());
    const whole = await list({ since, until });
    const single = await list({ since, until, pageSize: 1 });
    expect(single.map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
  });
});

describe('headgate audit', () => {
  const run = (...args: string[]) => runCli(['audit', '--admin', real.adminUrl, ...args]);

  test('writes as lines of JSON what the RPC lists', async () => {
    const filter = { action: 'DiscardDeadLetter' };
    const wanted = (await list(filter)).map((entry) => toJsonString(AuditEntrySchema, entry));
    expect(wanted).toHaveLength(1);

    const piped = await run('--action', 'DiscardDeadLetter');
    expect(piped).toEqual({ code: 0, stderr: '', stdout: `${wanted[0]}\n` });
    expect(await run('--action', 'DiscardDeadLetter', '--ndjson')).toEqual(piped);

    const folder = await mkdtemp(path.join(tmpdir(), 'headgate-audit-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'audit.ndjson');
    const written = await run('--action', 'DiscardDeadLetter', '--out', file);
    expect(written).toEqual({ code: 0, stderr: '', stdout: '' });
    expect(await readFile(file, 'utf8')).toBe(piped.stdout);
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    const { stdout } = await run('--json');
    const listed = JSON.parse(stdout) as { action: string }[];
    expect(listed.length).toBeGreaterThan(3);
    expect(listed.map(({ action }) => action)).toContain('ListAudit');
  });

  test('says where there are more, and where no entry matches', async () => {
    const one = await run('--limit', '1');
    expect(one.stdout.trim().split('\n')).toHaveLength(1);
    expect(one.stderr).toBe('The first 1; there are more: --limit, or --since.\n');
    const missing = await run('--event', 'e-404', '--action', 'ReplayRejected');
    expect(missing).toEqual({ code: 0, stdout: '', stderr: 'The audit log has no such entry.\n' });
  });

  test('finds what was done with a key, by the id of either key', async () => {
    const keyService = connect(real, KeyService);
    const { key: old } = await keyService.createKey({ source: 'shop' });
    const { key: fresh } = await keyService.rotateKey({ id: old!.id });
    await keyService.createKey({ source: 'shop' });
    const actions = async (id: string) => {
      const { stdout } = await run('--key', id);
      const lines = stdout.trim().split('\n');
      return lines.map((line) => (JSON.parse(line) as { action: string }).action);
    };
    expect(await actions(old!.id)).toEqual(['CreateKey', 'RotateKey']);
    // The search before is an entry about the old key alone.
    expect(await actions(fresh!.id)).toEqual(['RotateKey']);
    expect((await run('--key', 'abc')).stderr).toContain('12 hex digits');
  });

  test('refuses an action that does not exist, and names what is near', async () => {
    const { code, stdout, stderr } = await run('--action', 'Revoke');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Did you mean RevokeKey?');
    expect((await run('--action', 'replayrejectd')).stderr).toContain('ReplayRejected');
    expect((await run('--action', 'zzzzzzzz')).stderr).toContain('Give one of Tail, ');
  });

  test('refuses a destination without entries that the gate does not have', async () => {
    const { code, stderr } = await run('--destination', 'cmr');
    expect(code).toBe(1);
    expect(stderr).toContain('the gate has none of this name');
    for (const command of [['list'], ['replay', '--all', '--dry-run']]) {
      const dead = await runCli([
        'dead',
        '--admin',
        real.adminUrl,
        ...command,
        '--destination',
        'erp',
      ]);
      expect(dead).toMatchObject({ code: 1, stdout: '' });
      expect(dead.stderr).toContain('the gate has none of this name');
    }
    const rejected = await runCli([
      'rejected',
      '--admin',
      real.adminUrl,
      'list',
      '--code',
      'schema',
    ]);
    expect(rejected).toMatchObject({ code: 2, stdout: '' });
    expect(rejected.stderr).toContain('schema_violation');
  });

  test('says which role it needs, and leaves no file behind', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'headgate-audit-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'audit.ndjson');
    const env = { HEADGATE_OPERATOR_TOKEN: adaToken };
    const answer = await runCli(['audit', '--admin', real.adminUrl, '--out', file], { env });
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain('needs the role admin, and ada has the role operator');
    await expect(stat(`${file}.part`)).rejects.toThrow('ENOENT');
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });
});

test('a number that no stream reaches hides no entry', async () => {
  const sequence = 2n ** 64n - 1n;
  const discard = byAda().rejected.discardRejected({ sequence, why: 'a try' });
  await expect(discard).rejects.toThrow('There is no rejected event');
  const { code, stdout } = await runCli(['audit', '--admin', real.adminUrl]);
  expect(code).toBe(0);
  expect(stdout).toContain(`"events":[{"searched":"${sequence}"}]`);
});

test('an entry can neither be deleted nor purged', async () => {
  const { manager } = clientsForTests(real.service.log);
  const { messages } = (await manager.streams.info('AUDIT')).state;
  await expect(manager.streams.deleteMessage('AUDIT', 1)).rejects.toThrow('not permitted');
  await expect(manager.streams.purge('AUDIT')).rejects.toThrow('not permitted');
  expect((await manager.streams.info('AUDIT')).state.messages).toBe(messages);
});

test('a changed retention applies to the entries that there are, and less room deletes none', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-audit-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const dayNs = 86_400_000_000_000;
  const ageAndSize = async ({ service }: RealService) => {
    const { config } = await clientsForTests(service.log).manager.streams.info('AUDIT');
    const { bytes, bytesMax } = await sizeOf(service.log, 'AUDIT');
    return { days: config.max_age / dayNs, bytes, bytesMax };
  };
  const first = await startRealService({ env: { HEADGATE_DATA_DIR: dataDir } });
  const filler = 'x'.repeat(500_000);
  for (let index = 0; index < 4; index += 1) {
    await first.service.log.store('AUDIT', subjects.audit('Filler', '000'), {}, filler);
  }
  await connect(first, DeadLetterService).listDeadLetters({});
  const before = await ageAndSize(first);
  expect(before.days).toBe(400);
  await first.stop();

  const env = {
    HEADGATE_DATA_DIR: dataDir,
    HEADGATE_AUDIT_RETENTION: '30d',
    HEADGATE_LOG_STORAGE_BYTES_MAX: '64MiB',
  };
  await using second = await startRealService({ env });
  expect(await ageAndSize(second)).toEqual({
    days: 30,
    bytes: before.bytes,
    bytesMax: before.bytes,
  });
  expect(await readEntries(second.service.log)).toMatchObject([{ action: 'ListDeadLetters' }]);
}, 60_000);

test('after a crash of the gate, what had begun has an unknown outcome', async () => {
  await using gate = await prepareGate({ env: { HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB' } });
  const run = await gate.start();
  const tail = gate.headgate('tail');
  await expect
    .poll(async () => (await gate.headgate('audit', '--action', 'Tail')).stdout, {
      timeout: 20_000,
    })
    .toContain('"outcome":"unknown"');
  run.kill('SIGKILL');
  await Promise.all([run.exit, tail]);

  await gate.start();
  const { stdout } = await gate.headgate('audit', '--action', 'Tail');
  const entries = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(entries).toMatchObject([{ action: 'Tail', kind: 'VIEW', outcome: 'unknown' }]);
  expect(entries[0]).not.toHaveProperty('endedAt');
}, 90_000);
