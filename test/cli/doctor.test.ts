import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, onTestFinished, test } from 'vitest';

import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { hashWriteKey, newWriteKey } from '../../src/config/write-key.ts';
import { ensureDestinationConsumer } from '../../src/jetstream/consume/destination-consumer.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { connect } from '../audit/audit-rig.ts';
import { startRealService } from '../real-service.ts';
import { runCli } from './run-cli.ts';

interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'skipped' | 'warning' | 'failure';
  readonly found: string;
  readonly mend: string;
}

interface Told {
  readonly code: number | null;
  readonly findings: readonly Finding[];
  /** `level check: found` of those that are of a level, and what to do. */
  of(level: Finding['level']): string[];
}

async function doctor(env: Record<string, string>, ...args: string[]): Promise<Told> {
  const { code, stdout, stderr } = await runCli(['doctor', '--json', ...args], { env });
  expect(stderr).toBe('');
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(ok).toBe(code === 0);
  return {
    code,
    findings,
    of: (level) =>
      findings
        .filter((finding) => finding.level === level)
        .map(({ check, found, mend }) => `${check}: ${found} -> ${mend}`),
  };
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-doctor-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Nobody listens there. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('with the service stopped, it checks what exists and reports what it skipped', async () => {
  const folder = await makeFolder();
  const admin = `http://127.0.0.1:${await closedPort()}`;
  const dataDir = path.join(folder, 'data');
  const stopped = await doctor({ HEADGATE_DATA_DIR: dataDir }, '--admin', admin);
  expect(stopped.code).toBe(0);
  expect(stopped.of('failure')).toEqual([]);
  expect(stopped.of('skipped').map((text) => text.split(':')[0])).toEqual(['gate', 'nats']);
  expect(stopped.of('ok').join('\n')).toMatch(/nats: .* is nats-server 2\.\d+/);
  expect(stopped.of('ok').join('\n')).toContain('events in ./schemas, all sound');

  await mkdir(dataDir);
  await chmod(dataDir, 0o777);
  const schemas = path.join(folder, 'schemas');
  await mkdir(schemas);
  await writeFile(path.join(schemas, 'taxonomy.yaml'), 'verbs: none\n');
  const old = path.join(folder, 'nats-server');
  await writeFile(old, '#!/bin/sh\necho nats-server: v2.9.10\n', { mode: 0o700 });
  const config = path.join(folder, 'headgate.yaml');
  const port = await closedPort();
  const url = `http://127.0.0.1:${port}`;
  const secret = `whsec_${Buffer.alloc(32).toString('base64')}`;
  await writeFile(
    config,
    `destinations:
  away: { type: webhook, url: "${url}", secret: "${secret}", allow_private_addresses: true }
  inside: { type: webhook, url: "${url}", secret: "${secret}" }
  broker: { type: kafka, brokers: "127.0.0.1:${port}", topic: t }
  out: { type: nats, url: "nats://127.0.0.1:${port}", subject: "events.{source}" }
`,
  );
  const env = {
    HEADGATE_DATA_DIR: dataDir,
    HEADGATE_SCHEMAS_DIR: schemas,
    HEADGATE_NATS_SERVER_BIN: old,
    HEADGATE_DURABILITY: 'async',
  };
  const sick = await doctor(env, '--admin', admin, '--config', config);
  expect(sick.code).toBe(1);
  const failures = sick.of('failure').join('\n');
  expect(failures).toContain(`may write to ${dataDir} -> chmod 700 ${dataDir}`);
  expect(failures).toContain('is nats-server 2.9.10; Headgate needs');
  expect(failures).toContain('taxonomy.yaml');
  expect(failures).toContain(`away (webhook) cannot be reached at 127.0.0.1:${port}: ECONNREFUSED`);
  expect(failures).toContain('inside (webhook) cannot be reached at');
  expect(failures).toContain('127.0.0.1 is no public address (loopback)');
  expect(failures).toContain('Set allow_private_addresses: true in destinations.inside');
  expect(failures).toContain(`broker (kafka) cannot be reached at 127.0.0.1:${port}`);
  expect(failures).toContain(`out (nats) cannot be reached at 127.0.0.1:${port}`);
  expect(sick.of('warning').join('\n')).toContain('durability: async: a power cut');
  expect(JSON.stringify(sick.findings)).not.toContain(secret);
});

test('write keys are counted once: those in force, of the settings and of the log', async () => {
  const yaml = `auth: keys
keys:
  - { source: shop, hash: "${hashWriteKey(newWriteKey())}" }
  - { source: old, hash: "${hashWriteKey(newWriteKey())}", expires: "2020-01-01T00:00:00Z" }
destinations: {}
`;
  const folder = await makeFolder();
  const config = path.join(folder, 'headgate.yaml');
  await writeFile(config, yaml);
  await using real = await startRealService({ yaml });
  await connect(real, KeyService).createKey({ source: 'shop' });
  const env = { HEADGATE_DATA_DIR: real.dataDir, HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB' };
  const counted = async (admin: string) => {
    const { findings } = await doctor(env, '--admin', admin, '--config', config);
    return findings
      .filter(({ found }) => /write keys?[^;]*\d|there are \d|settings have \d/.test(found))
      .map(({ check, level, found }) => `${level} ${check}: ${found}`);
  };
  expect(await counted(real.adminUrl)).toEqual([
    'ok keys: write keys in force at the gate: 2 (1 of its settings, 1 of the log); ' +
      'none that is in use expires within 14 days',
  ]);
  expect(await counted(`http://127.0.0.1:${await closedPort()}`)).toEqual([
    expect.stringContaining('skipped keys: the settings have 2; a running gate knows'),
  ]);
}, 60_000);

test('with the service running it looks at its log, its streams and its destinations, too', async () => {
  await using real = await startRealService();
  const { log } = real.service;
  const env = { HEADGATE_DATA_DIR: real.dataDir, HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB' };
  const admin = ['--admin', real.adminUrl];
  const sound = await doctor(env, ...admin);
  expect(sound.of('failure')).toEqual([]);
  expect(sound.of('skipped')).toEqual([]);
  const said = sound.of('ok').join('\n');
  for (const text of [
    'takes events',
    'streams, as these settings',
    'NATS agree',
    'the running gate may open',
    'warehouse is up to date',
    'the dedup window of 10',
  ]) {
    expect(said).toContain(text);
  }

  const attempts = await clientsForTests(log).manager.streams.info('ATTEMPTS');
  await clientsForTests(log).manager.streams.update('ATTEMPTS', {
    ...attempts.config,
    max_age: 1_000_000_000_000,
  });
  await clientsForTests(log).manager.streams.delete('PROBE');
  await ensureDestinationConsumer(log, 'EVENTS', 'gone', {
    attempts: 10,
    ackWaitMs: 30_000,
    ackPendingMax: 100,
  });
  await log.store('DEAD', 'headgate.dead.warehouse.order_completed', {}, '{}');
  const sick = await doctor({ ...env, HEADGATE_LOG_DEDUP_WINDOW: '5m' }, ...admin);
  expect(sick.code).toBe(1);
  expect(sick.of('failure').join('\n')).toContain('the stream PROBE is not there -> Start a gate');
  const warnings = sick.of('warning').join('\n');
  expect(warnings).toContain(
    'the stream ATTEMPTS is not as these settings want it: max_age is 1000000000000',
  );
  expect(warnings).toContain(
    'the stream EVENTS_0 is not as these settings want it: duplicate_window',
  );
  expect(warnings).toContain('no configuration names gone');
  expect(warnings).toContain('warehouse has 1 dead letters');
  const text = await runCli(['doctor', ...admin], { env });
  expect(text.code).toBe(1);
  expect(text.stdout).toMatch(
    /^FAILED {3}streams +the stream PROBE is not there\n +-> Start a gate/m,
  );
});

test('ids are compared with the memory that the embedded nats-server was started with', async () => {
  const limit = { GOMEMLIMIT: '64MiB' };
  await using real = await startRealService({ env: limit });
  const env = { HEADGATE_DATA_DIR: real.dataDir, HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB' };
  const { findings } = await doctor(env, '--admin', real.adminUrl);
  expect(findings.find(({ check }) => check === 'ids')).toEqual({
    check: 'ids',
    level: 'warning',
    found: expect.stringContaining('of the 64 MiB that it may use'),
    mend: expect.stringContaining('Shorten log.dedup_window'),
  });
});

test('reports everything that prevents the start of a gate, and a NATS that is down', async () => {
  const folder = await makeFolder();
  const faults = await doctor({ HEADGATE_LISTEN: '0.0.0.0:8080', HEADGATE_LOG_LEVEL: 'loud' });
  expect(faults.code).toBe(1);
  expect(faults.findings).toHaveLength(2);
  expect(faults.of('failure').join('\n')).toContain(
    'while auth is off, so that anyone could write',
  );
  const url = `nats://127.0.0.1:${await closedPort()}`;
  const admin = `127.0.0.1:${await closedPort()}`;
  const env = { HEADGATE_NATS_URL: url, HEADGATE_DATA_DIR: folder, HEADGATE_ADMIN_LISTEN: admin };
  const away = await doctor(env);
  expect(away.of('failure')).toEqual([
    expect.stringContaining('cannot be reached: connection refused'),
  ]);
});

test('a limit on open files that is below what connections may take', async () => {
  const folder = await makeFolder();
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const { stdout } = spawnSync(
    'sh',
    ['-c', `ulimit -n 500 && exec "${process.execPath}" bin/headgate.js doctor --json`],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        HEADGATE_DATA_DIR: folder,
        HEADGATE_ADMIN_LISTEN: `127.0.0.1:${await closedPort()}`,
      },
    },
  );
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  expect(findings.find(({ check }) => check === 'open files')).toMatchObject({
    level: 'warning',
    found: expect.stringContaining(
      'may open 500 files; limits.connections_max of 10,000 needs 10,200',
    ),
  });
});
