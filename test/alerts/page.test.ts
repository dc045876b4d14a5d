import { randomUUID } from 'node:crypto';

import { describe, expect, onTestFinished, test } from 'vitest';
import { adminToken } from '../admin-token.ts';
import { parse, stringify } from 'yaml';

import { until } from '../delivery/rig.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { readPage } from '../documentation/markdown.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { startAlertmanager, startPrometheus } from './prometheus.ts';
import { rulesFile } from './scenario.ts';
import { whyNotWith } from './tools.ts';

/** What Alertmanager sends to a webhook. */
interface Notification {
  readonly status: 'firing' | 'resolved';
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

interface AlertmanagerConfig {
  route: { group_wait: string; group_interval: string; routes: { group_wait: string }[] };
  receivers: { name: string; webhook_configs: { url: string }[] }[];
}

const waitMs = 90_000;

/** The committed configuration, with shorter waits and receivers of the test. */
function alertmanagerConfig(receiverPort: number): AlertmanagerConfig {
  const config = parse(readPage('deploy/prometheus/alertmanager.yaml')) as AlertmanagerConfig;
  config.route.group_wait = '1s';
  config.route.group_interval = '1s';
  config.route.routes[0]!.group_wait = '1s';
  for (const { name, webhook_configs } of config.receivers) {
    webhook_configs[0]!.url = `http://127.0.0.1:${receiverPort}/${name}`;
  }
  return config;
}

/** The committed rules; but for a parked destination, an hour is two seconds. */
function rulesInAHurry(): string {
  const { groups } = parse(readPage(rulesFile)) as {
    groups: { rules: { alert?: string; for?: string }[] }[];
  };
  for (const rule of groups.flatMap(({ rules }) => rules)) {
    if (rule.alert === 'HeadgateDestinationParked') rule.for = rule.for === '1h' ? '2s' : '0s';
  }
  return stringify({ groups });
}

async function send(real: RealService): Promise<void> {
  const answer = await fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      event_name: 'order_completed',
      user_id: 'u-1',
      idempotency_key: randomUUID(),
      properties: { order_id: 'A-1', total: 1, currency: 'EUR' },
    }),
  });
  expect(answer.status).toBe(202);
}

describe.skipIf(whyNotWith('prometheus', 'prometheus-alertmanager') !== undefined)('a page', () => {
  test('arrives with instructions when a destination is down, and is resolved when it returns', async () => {
    const crm = await startHttpServer((_request, response) => response.writeHead(503).end());
    onTestFinished(() => crm.close());
    const receiver = await startHttpServer((_request, response) => response.end());
    onTestFinished(() => receiver.close());
    await using real = await startRealService({
      yaml: `destinations:\n  crm: { type: webhook, url: "http://127.0.0.1:${crm.port}/x", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private_addresses: true }\n`,
    });
    await using alertmanager = await startAlertmanager(alertmanagerConfig(receiver.port));
    await using prometheus = await startPrometheus(
      {
        global: {
          scrape_interval: '1s',
          evaluation_interval: '1s',
          external_labels: { docs_url: 'https://docs.example' },
        },
        rule_files: ['headgate.rules.yaml'],
        alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager.address] }] }] },
        scrape_configs: [
          {
            job_name: 'headgate',
            authorization: { credentials: adminToken },
            static_configs: [{ targets: [new URL(real.adminUrl).host] }],
          },
        ],
      },
      { 'headgate.rules.yaml': rulesInAHurry() },
    );
    const received = (status: 'firing' | 'resolved', name: string) =>
      receiver.received
        .filter(({ url }) => url === '/page')
        .flatMap(({ body }) => (JSON.parse(String(body)) as Notification).alerts)
        .find((alert) => alert.status === status && alert.labels['alertname'] === name);

    await send(real);
    const page = await until(
      () => received('firing', 'HeadgateDestinationParked'),
      (found) => found !== undefined,
      waitMs,
    );
    expect(page).toMatchObject({
      labels: { severity: 'page', destination: 'crm' },
      annotations: {
        summary: expect.stringContaining('Find out why crm does not answer'),
        runbook_url: 'https://docs.example/docs/runbooks/destination-parked.md',
      },
    });
    const names = receiver.received.flatMap(({ body }) =>
      (JSON.parse(String(body)) as Notification).alerts.map(({ labels }) => labels['alertname']),
    );
    expect(new Set(names)).toEqual(new Set(['HeadgateDestinationParked']));
    await until(
      () => prometheus.ask<{ groups: { rules: { health: string }[] }[] }>('rules'),
      ({ groups }) => groups.every(({ rules }) => rules.every(({ health }) => health === 'ok')),
      waitMs,
    );

    crm.respond = (_request, response) => response.end();
    await until(
      () => received('resolved', 'HeadgateDestinationParked'),
      (found) => found !== undefined,
      waitMs,
    );
  }, 240_000);
});
