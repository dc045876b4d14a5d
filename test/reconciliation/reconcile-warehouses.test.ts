import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { runCli } from '../cli/run-cli.ts';
import { startEngine, whyNoEngine } from '../clickhouse/engine.ts';
import { publishEvents, settled } from '../delivery/rig.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { askPostgres } from '../destinations/postgres-far-side.ts';
import { startPostgres, whyNoPostgres } from '../destinations/postgres-server.ts';
import { startRealService } from '../real-service.ts';

test.skipIf(whyNoPostgres() !== undefined)(
  'PostgreSQL and Parquet are asked what they hold, a webhook is not',
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'headgate-reconciliation-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const server = await startPostgres();
    onTestFinished(() => server.close());
    const far = await startHttpServer((_request, response) => response.writeHead(204).end());
    onTestFinished(() => far.close());
    const destinations = {
      tables: { type: 'postgres', url: server.url, password: server.password, tls: false },
      lake: { type: 'parquet', path: path.join(folder, 'lake') },
      hooks: {
        type: 'webhook',
        url: `http://127.0.0.1:${far.port}/`,
        secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
        allow_private_addresses: true,
        events: ['order_*'],
      },
    };
    // JSON is YAML too.
    const yaml = JSON.stringify({ destinations });
    const configFile = path.join(folder, 'headgate.yaml');
    await writeFile(configFile, yaml);
    await using real = await startRealService({ yaml });
    const ids = await publishEvents(real.service.log, 100);
    await publishEvents(real.service.log, 20, { eventName: 'page_viewed' });
    for (const name of Object.keys(destinations)) {
      await settled(real.service.log, name, 'EVENTS', 20_000);
    }
    const env = { HEADGATE_DATA_DIR: real.dataDir };
    const ask = () => runCli(['reconcile', '--config', configFile, '--json'], { env });

    const sound = await ask();
    expect(sound).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(sound.stdout)).toMatchObject({
      balanced: true,
      destinations: [
        { name: 'tables', asked: true, missing: 0, copies: 0 },
        { name: 'lake', asked: true, missing: 0, copies: 0 },
        { name: 'hooks', asked: false, fault: '' },
      ],
      hours: [
        { event: 'order_completed', destinations: { hooks: { delivered: 100, filtered: 0 } } },
        { event: 'page_viewed', destinations: { hooks: { delivered: 0, filtered: 20 } } },
      ],
    });

    await askPostgres(server, `DELETE FROM events WHERE event_id = '${ids[42]}'`);
    const short = await ask();
    expect(short.code).toBe(1);
    expect(JSON.parse(short.stdout)).toMatchObject({
      missing: [{ destination: 'tables', event_id: ids[42], sequence: 43 }],
    });

    await server.stop();
    const away = await ask();
    expect(away.code).toBe(1);
    const [tables, lake] = JSON.parse(away.stdout).destinations;
    expect(tables).toMatchObject({ asked: false, fault: expect.stringMatching(/./) });
    expect(lake).toMatchObject({ asked: true, missing: 0 });
  },
);

test('tables of events are asked, that of events without a contract included', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-reconciliation-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const typed = { tables: 'per_event', table_prefix: 'hg_' };
  const destinations: Record<string, object> = {
    file: { type: 'sqlite', path: path.join(folder, 'w.db'), ...typed },
    lake: { type: 'parquet', path: path.join(folder, 'lake'), flush_interval: '50ms', ...typed },
  };
  const isServed = whyNoPostgres() === undefined;
  const server = isServed ? await startPostgres() : undefined;
  if (server !== undefined) {
    onTestFinished(() => server.close());
    const { url, password } = server;
    destinations['server'] = { type: 'postgres', url, password, tls: false, ...typed };
  }
  const engine = whyNoEngine() === undefined ? await startEngine() : undefined;
  if (engine !== undefined) {
    onTestFinished(() => engine.stop());
    const url = `http://127.0.0.1:${engine.port}`;
    destinations['olap'] = { type: 'clickhouse', url, user: 'default', ...typed };
  }
  const names = Object.keys(destinations);
  const yaml = JSON.stringify({ destinations });
  const configFile = path.join(folder, 'headgate.yaml');
  await writeFile(configFile, yaml);
  await using real = await startRealService({ yaml });
  await publishEvents(real.service.log, 100);
  const [lost] = await publishEvents(real.service.log, 20, { eventName: 'never_planned' });
  for (const name of names) await settled(real.service.log, name, 'EVENTS', 20_000);
  const ask = async (): Promise<{ code: number | null; report: unknown }> => {
    const env = { HEADGATE_DATA_DIR: real.dataDir };
    const { code, stdout } = await runCli(['reconcile', '--config', configFile, '--json'], { env });
    return { code, report: JSON.parse(stdout) };
  };

  const counts = (delivered: number): object =>
    Object.fromEntries(names.map((name) => [name, { delivered }]));
  expect(await ask()).toMatchObject({
    code: 0,
    report: {
      balanced: true,
      destinations: names.map((name) => ({ name, asked: true, missing: 0, copies: 0 })),
      hours: [
        { event: 'never_planned', destinations: counts(20) },
        { event: 'order_completed', destinations: counts(100) },
      ],
    },
  });

  // Also without what Headgate has noted about its tables.
  const database = new DatabaseSync(path.join(folder, 'w.db'));
  database.exec('DROP TABLE headgate_tables');
  database.exec(`DELETE FROM hg_unplanned_events WHERE event_id = '${lost}'`);
  database.close();
  expect(await ask()).toMatchObject({
    code: 1,
    report: { missing: [{ destination: 'file', event_id: lost }] },
  });
});
