import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';

import { until } from '../delivery/rig.ts';
import { readPage, root } from '../documentation/markdown.ts';
import { startRealService } from '../real-service.ts';
import { startAlertmanager, startPrometheus } from './prometheus.ts';
import { rulesFile } from './scenario.ts';
import { findTool, whyNotWith } from './tools.ts';

const needed = ['prometheus', 'promtool', 'prometheus-alertmanager'] as const;

interface PrometheusConfig {
  scrape_configs: {
    job_name: string;
    authorization?: object;
    dns_sd_configs?: object;
    static_configs?: object;
  }[];
}

describe.skipIf(whyNotWith(...needed) !== undefined)('the files of deploy/prometheus', () => {
  test("have Prometheus scrape an operators' port with its token, and load the rules", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'headgate-token-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const tokenFile = path.join(folder, 'token');
    await writeFile(tokenFile, 'token-of-the-test\n');
    await using real = await startRealService({
      env: { HEADGATE_ADMIN_METRICS_TOKEN: 'token-of-the-test' },
    });

    // As it is committed, but for where things are.
    const config = parse(
      readPage('deploy/prometheus/prometheus.yaml')
        .replace('/run/secrets/headgate_metrics_token', tokenFile)
        .replaceAll(/interval: \d+s/g, 'interval: 1s'),
    ) as PrometheusConfig;
    const [headgate] = config.scrape_configs;
    delete headgate!.dns_sd_configs;
    headgate!.static_configs = [{ targets: [new URL(real.adminUrl).host] }];
    await using prometheus = await startPrometheus(
      { ...config, alerting: {} },
      { 'headgate.rules.yaml': readPage(rulesFile) },
    );
    const seen = await until(
      () =>
        prometheus.ask<{ result: { value: [number, string] }[] }>('query', {
          query: 'up{job="headgate"}',
        }),
      ({ result }) => result[0]?.value[1] === '1',
      60_000,
    );
    expect(seen.result).toHaveLength(1);
  });

  test('have rules that promtool accepts, and an Alertmanager that starts', async () => {
    await promisify(execFile)(findTool('promtool')!, [
      'check',
      'rules',
      path.join(root, rulesFile),
    ]);
    const config = parse(readPage('deploy/prometheus/alertmanager.yaml')) as object;
    await using alertmanager = await startAlertmanager(config);
    expect((await fetch(`http://${alertmanager.address}/-/healthy`)).status).toBe(200);
  });
});
