import { Writable } from 'node:stream';

import { pino } from 'pino';
import { expect, test } from 'vitest';

import { adminToken } from '../admin-token.ts';
import { runCli } from '../cli/run-cli.ts';
import { until } from '../delivery/rig.ts';
import { startNatsCluster } from '../nats-cluster.ts';
import { startRealService } from '../real-service.ts';

test('asks each server whether it syncs before it acknowledges, and warns by every means', async () => {
  await using cluster = await startNatsCluster({
    edit: (conf, node) =>
      node === 1 ? conf.replace(/^\s*sync_interval: always$/m, 'sync_interval: 10s') : conf,
  });
  await cluster.waitUntilFormed();
  const lines: { level: number; msg: string; servers?: string[] }[] = [];
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  // Node 2 is not asked.
  const monitors = [0, 1].map((node) => cluster.nodes[node]!.monitor).join(',');
  const env = { HEADGATE_NATS_URL: cluster.url(), HEADGATE_NATS_MONITOR_URL: monitors };
  await using real = await startRealService({ env, logger: pino(output) });
  const page = await until(
    async () =>
      (
        await fetch(`${real.adminUrl}/metrics`, {
          headers: { authorization: `Bearer ${adminToken}` },
        })
      ).text(),
    (text) => text.includes('headgate_log_servers{sync="always"} 1'),
  );
  expect(page).toContain('headgate_log_servers{sync="lazy"} 1');
  expect(page).toContain('headgate_log_servers{sync="unknown"} 1');
  const warnings = lines.filter(({ level, servers }) => level === 40 && servers !== undefined);
  expect(warnings).toMatchObject([
    { servers: ['nats-1'], syncIntervalSeconds: 10 },
    { servers: ['nats-2'] },
  ]);
  expect(warnings[0]!.msg).toContain('Set sync_interval: always');

  const { stdout } = await runCli(['doctor', '--json', '--admin', real.adminUrl], {
    env: { ...env, HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB', HEADGATE_ADMIN_TOKEN: adminToken },
  });
  expect(stdout).toContain(
    'nats-1 acknowledges events before it syncs them, which it does every 10s',
  );
  expect(stdout).toContain('it is not known whether nats-2 syncs');
  expect(stdout).not.toContain('nats-0 acknowledges');
  const isOld = /"nats-server 2\.(11|12|14\.[0-5])[^"]* has a known fault/;
  const { version } = (await (await fetch(`${cluster.nodes[0]!.monitor}/varz`)).json()) as {
    version: string;
  };
  expect(isOld.test(stdout)).toBe(/^2\.(11|12|14\.[0-5])/.test(version));
  expect(lines.some(({ msg }) => msg.includes('has a known fault'))).toBe(isOld.test(stdout));
}, 120_000);

test('gate and workers that start with a cluster come up by themselves', async () => {
  await using cluster = await startNatsCluster();
  // The servers listen, and have not found each other.
  for (const { monitor } of cluster.nodes) {
    await until(
      () =>
        fetch(`${monitor}/varz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      (isUp) => isUp,
    );
  }
  const env = { HEADGATE_NATS_URL: cluster.url() };
  const start = (roles: string) => startRealService({ env: { ...env, HEADGATE_ROLES: roles } });
  const started = await Promise.allSettled([
    start('gate'),
    start('deliver'),
    start('gate,deliver'),
  ]);
  try {
    expect(started.filter(({ status }) => status === 'rejected')).toEqual([]);
    for (const one of started) {
      if (one.status !== 'fulfilled') continue;
      expect((await fetch(`${one.value.adminUrl}/readyz`)).status).toBe(200);
    }
  } finally {
    for (const one of started) {
      if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]();
    }
  }
}, 120_000);
