import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { publishEvents, settled } from '../delivery/rig.ts';
import { runCli } from '../cli/run-cli.ts';
import { startRealService } from '../real-service.ts';

test('headgate reconcile compares the counts of a running gate, and finds a deleted row', async () => {
  await using real = await startRealService();
  const { log } = real.service;
  const ids = await publishEvents(log, 200);
  await publishEvents(log, 50, { eventName: 'page_viewed' });
  await settled(log, 'warehouse');
  const env = { HEADGATE_DATA_DIR: real.dataDir };
  const ask = (...args: string[]) => runCli(['reconcile', '--since', '1h', ...args], { env });

  const sound = await ask();
  expect(sound.stderr).toContain('The counts match.');
  expect(sound.code).toBe(0);
  expect(sound.stdout.split('\n')).toEqual([
    'hour\tevent\taccepted\tdestination\tdelivered\twaiting\tdead\tdiscarded\tfiltered\tdifference\tbefore start',
    '2026-01-02T03:00Z\torder_completed\t200\twarehouse\t200\t0\t0\t0\t0\t0\t0',
    '2026-01-02T03:00Z\tpage_viewed\t50\twarehouse\t50\t0\t0\t0\t0\t0\t0',
    'all\t-\t250\twarehouse\t250\t0\t0\t0\t0\t0\t0',
    '',
  ]);

  const warehouse = new DatabaseSync(path.join(real.dataDir, 'warehouse.db'));
  warehouse.prepare('DELETE FROM events WHERE event_id = ?').run(ids[7]!);
  warehouse.close();
  const short = await ask();
  expect(short.code).toBe(1);
  expect(short.stdout).toContain('\twarehouse\t199\t0\t0\t0\t0\t1\t0\n');
  expect(short.stderr).toContain(
    `missing at warehouse: ${ids[7]} order_completed 2026-01-02T03:04:05.678Z`,
  );
  expect(short.stderr).toContain('The counts do not match: 1 missing.');
  const json = await ask('--json');
  expect(json).toMatchObject({ code: 1, stderr: '' });
  expect(JSON.parse(json.stdout)).toMatchObject({
    balanced: false,
    log: { first: 1, last: 250 },
    destinations: [{ name: 'warehouse', asked: true, missing: 1 }],
    hours: [
      {
        event: 'order_completed',
        accepted: 200,
        destinations: { warehouse: { delivered: 199, difference: 1 } },
      },
      {
        event: 'page_viewed',
        accepted: 50,
        destinations: { warehouse: { delivered: 50, difference: 0 } },
      },
    ],
    missing: [{ destination: 'warehouse', event_id: ids[7], sequence: 8 }],
  });

  await real.stop();
  const stopped = await ask();
  expect(stopped).toMatchObject({ code: 1, stdout: '' });
  expect(stopped.stderr).toContain('No Headgate is running on');
  expect((await runCli(['reconcile', '--since', 'yesterday'])).code).toBe(2);
});

test('headgate reconcile reports settings that differ from the gate, and no match', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-crm-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await using real = await startRealService({
    yaml: `destinations:\n  crm: { type: sqlite, path: "${folder}/crm.db" }\n`,
  });
  const { log } = real.service;
  await publishEvents(log, 3);
  await settled(log, 'crm');
  const env = { HEADGATE_DATA_DIR: real.dataDir };
  const asked = await runCli(['reconcile', '--since', '1h'], { env });
  expect(asked.code).toBe(1);
  expect(asked.stderr).not.toContain('The counts match.');
  expect(asked.stderr).toContain('The log has a place for crm, and these settings do not name it');
  expect(asked.stderr).toContain('The log has no place for warehouse');
  const json = await runCli(['reconcile', '--since', '1h', '--json'], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({
    balanced: false,
    unasked: ['crm'],
    placeless: ['warehouse'],
  });
});

test('headgate reconcile in another folder than the gate makes no file, and says where it looked', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-elsewhere-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await using real = await startRealService();
  const { log } = real.service;
  await publishEvents(log, 3);
  await settled(log, 'warehouse');
  const config = path.join(folder, 'headgate.yaml');
  await writeFile(
    config,
    'destinations:\n  warehouse: { type: sqlite, path: ./data/warehouse.db }\n  files: { type: parquet, path: ./data/files }\n',
  );
  const env = { HEADGATE_DATA_DIR: real.dataDir, HEADGATE_SCHEMAS_DIR: path.resolve('schemas') };
  const options = { env, cwd: folder };
  const asked = await runCli(['reconcile', '--since', '1h', '--config', config], options);
  expect(asked.code).toBe(1);
  for (const [name, file] of [
    ['warehouse', 'data/warehouse.db'],
    ['files', 'data/files'],
  ] as const) {
    expect(asked.stderr).toContain(
      `There is no ${path.join(folder, file)}, where destinations.${name}.path is from this folder. ` +
        'Run this in the folder of the gate, or make the path absolute.',
    );
  }
  expect(asked.stderr).not.toContain('missing at warehouse');
  expect(await readdir(folder)).toEqual(['headgate.yaml']);
});

test('a consumer of another program on EVENTS is no destination, anywhere', async () => {
  await using real = await startRealService();
  const { log } = real.service;
  await publishEvents(log, 5);
  await settled(log, 'warehouse');
  const { manager } = clientsForTests(log);
  await manager.consumers.add('EVENTS_0', { name: 'somebody', ack_policy: 'none' });
  await manager.consumers.add('EVENTS_0', { durable_name: 'report', ack_policy: 'explicit' });
  const env = { HEADGATE_DATA_DIR: real.dataDir };
  const counted = await runCli(['reconcile', '--since', '1h'], { env });
  expect(counted.stderr).toContain('The counts match.');
  expect(counted.code).toBe(0);
  const listed = await runCli(['destinations', '--admin', real.adminUrl], { env });
  expect(listed.stdout).toContain('warehouse');
  expect(listed.stdout).not.toMatch(/somebody|report/);
  const removed = await runCli(
    ['destinations', 'remove', 'report', '--yes', '--admin', real.adminUrl],
    {
      env,
    },
  );
  expect(removed.code).toBe(1);
  expect(await manager.consumers.info('EVENTS_0', 'report')).toMatchObject({ name: 'report' });
});
