import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { runCli } from '../cli/run-cli.ts';
import { until, prepareGate } from '../crash/gate-process.ts';
import { settled } from '../delivery/rig.ts';
import { scrape, total } from '../processes/gate-processes.ts';
import { startRealLog } from '../real-log.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { startGateOn, track } from '../registry/two-gates.ts';

/** Several processes start, possibly on busy machines. */
const waitMsMax = 60_000;

const on = { HEADGATE_CANARY_INTERVAL: '1s' };

type Page = Awaited<ReturnType<typeof scrape>>;

const pageOf = ({ adminUrl }: Pick<RealService, 'adminUrl'>): Promise<Page> =>
  scrape({ adminListen: adminUrl.replace('http://', '') } as never);
const counted = (page: Page, outcome: string): number =>
  total(page, 'headgate_canary_total', `outcome="${outcome}"`);

/** Waits until this many heartbeats have arrived. */
function arrived(gate: Pick<RealService, 'adminUrl'>, count = 1): Promise<Page> {
  return until(
    () => pageOf(gate),
    (page) => counted(page, 'arrived') >= count,
    waitMsMax,
  );
}

test('a heartbeat passes all stages, and does not appear in the data of events', async () => {
  await using real = await startRealService({ env: on });
  const env = { HEADGATE_DATA_DIR: real.dataDir, HEADGATE_CANARY_INTERVAL: '1s' };
  const startedAt = Date.now() / 1_000;
  await arrived(real, 2);
  expect((await track(real.url, {})).status).toBe(202);
  await settled(real.service.log, 'warehouse');
  const page = await arrived(real, 3);

  const value = (series: string): number | undefined => page.get(series);
  expect(value('headgate_canary_interval_seconds')).toBe(1);
  expect(value('headgate_canary_arrived_timestamp_seconds')).toBeGreaterThan(startedAt - 60);
  expect(value('headgate_canary_duration_seconds_count{step="arrived"}')).toBeGreaterThanOrEqual(3);
  expect(counted(page, 'failed')).toBe(0);

  expect([...page.keys()].filter((series) => series.includes('_canary"'))).toEqual([]);
  expect(total(page, 'headgate_events_total')).toBe(1);
  expect(total(page, 'headgate_deliveries_total')).toBe(1);
  expect(total(page, 'headgate_last_event_timestamp_seconds', '_other')).toBe(0);
  const warehouse = new DatabaseSync(path.join(real.dataDir, 'warehouse.db'), { readOnly: true });
  expect(warehouse.prepare('SELECT count(*) AS count FROM events').get()).toEqual({ count: 1 });
  warehouse.close();

  const result = await runCli(['reconcile', '--since', '1h'], { env });
  expect(result.stderr).toContain('The counts match.');
  expect(result.stdout).toMatch(/^all\t-\t1\twarehouse\t1\t0\t0\t0\t0\t0\t0$/m);
  const listed = await runCli(['destinations', '--admin', real.adminUrl, '--json']);
  expect(JSON.parse(listed.stdout)).toMatchObject([{ name: 'warehouse' }]);

  const pretended = await track(real.url, { event_name: '_canary' });
  expect(pretended).toMatchObject({ status: 422, body: { code: 'invalid_event_name' } });
  expect(total(await pageOf(real), 'headgate_validation_failures_total', 'default')).toBe(1);
});

test('headgate tail shows heartbeats only on request', async () => {
  await using real = await startRealService({ env: on });
  const tail = (...args: string[]) =>
    runCli(['tail', '--admin', real.adminUrl, '--count', '1', ...args]);
  const [canary, others] = [tail('--source', '_canary'), tail()];
  expect((await canary).stdout).toMatch(/\taccepted\t_canary\t_canary\t/);
  let hasEnded = false;
  void others.then(() => (hasEnded = true));
  // Repeatedly, because the command starts to follow at an unknown time.
  await until(
    () => track(real.url, {}),
    () => hasEnded,
    waitMsMax,
  );
  expect((await others).stdout).toMatch(/\taccepted\tdefault\torder_completed\t/);
});

test('sends no heartbeat unless it is configured', async () => {
  await using real = await startRealService();
  const page = await pageOf(real);
  expect(page.get('headgate_canary_interval_seconds')).toBe(0);
  expect(total(page, 'headgate_canary_total')).toBe(0);
  const names: string[] = [];
  for await (const { name } of clientsForTests(real.service.log).manager.consumers.list('EVENTS_0'))
    names.push(name);
  expect(names).toEqual(['warehouse']);
});

function makeCertificate(folder: string): boolean {
  const subject = ['-subj', '/CN=gate.example', '-addext', 'subjectAltName=DNS:gate.example'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const files = ['-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'cert.pem')];
  try {
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...files], { stdio: 'ignore' });
    return true;
  } catch (error) {
    console.warn(`heartbeats by TLS are not tested: no openssl (${(error as Error).message})`);
    return false;
  }
}

test('works with write keys, TLS for another name, and several gate processes', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-canary-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const secure = makeCertificate(folder);
  await using gate = await prepareGate({
    env: {
      ...on,
      HEADGATE_AUTH: 'keys',
      HEADGATE_PROCESSES: '2',
      ...(secure && {
        HEADGATE_TLS_CERT: path.join(folder, 'cert.pem'),
        HEADGATE_TLS_KEY: path.join(folder, 'key.pem'),
      }),
    },
    yaml: () => `keys:\n  - { source: shop, hash: "sha256:${'0'.repeat(64)}" }\n`,
  });
  const run = gate.spawn();
  const page = await until(
    () => scrape(gate).catch((): Page => new Map()),
    (seen) => counted(seen, 'arrived') >= 3,
    waitMsMax,
  );
  expect(total(page, 'headgate_events_total')).toBe(0);
  expect(counted(page, 'failed')).toBe(0);
  run.kill('SIGTERM');
  expect((await run.exit).code).toBe(0);
});

test('gates without a worker count their own heartbeats, and report missing ones', async () => {
  await using log = await startRealLog();
  const lines: string[] = [];
  const logger = createLogger('warn', { write: (line) => void lines.push(line) });
  const files = { HEADGATE_SCHEMAS_SOURCE: 'files', ...on };
  await using one = await startGateOn(log, { ...files, HEADGATE_ROLES: 'gate' }, logger);
  await using other = await startGateOn(log, { ...files, HEADGATE_ROLES: 'gate' });
  // No worker runs yet.
  await until(
    () => Promise.resolve(lines.join('')),
    (text) => text.includes('the heartbeat does not come through'),
    waitMsMax,
  );
  const waiting = await pageOf(one);
  expect(counted(waiting, 'accepted')).toBeGreaterThan(0);
  expect(counted(waiting, 'arrived')).toBe(0);

  await using worker = await startGateOn(log, { ...files, HEADGATE_ROLES: 'deliver' });
  for (const gate of [one, other]) {
    const page = await arrived(gate, 2);
    expect(counted(page, 'arrived')).toBeLessThanOrEqual(counted(page, 'accepted') + 1);
  }
  expect(total(await pageOf(worker), 'headgate_canary_total')).toBe(0);
  await until(
    () => Promise.resolve(lines.join('')),
    (text) => text.includes('the heartbeat comes through again'),
    waitMsMax,
  );
  await worker.stop();
  const stopped = await pageOf(one);
  const later = await until(
    () => pageOf(one),
    (page) => counted(page, 'accepted') > counted(stopped, 'accepted') + 4,
    waitMsMax,
  );
  expect(counted(later, 'arrived')).toBeLessThanOrEqual(counted(stopped, 'arrived') + 1);
  // The heartbeats of the last five seconds stay undelivered, and block nothing.
  const janitor = createJanitor({
    log: log.log,
    retentionMs: 0,
    destinations: [],
    onTrouble: () => {},
  });
  const left = async (): Promise<number> => {
    await janitor.run();
    return (await clientsForTests(log.log).manager.streams.info('EVENTS_0')).state.messages;
  };
  await expect.poll(left, { timeout: 30_000 }).toBeLessThan(4);
});
