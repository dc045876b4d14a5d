import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { openFarContracts } from '../../src/destinations/headgate/far-contracts.ts';
import { createHeadgateDestination } from '../../src/destinations/headgate/headgate.ts';
import { startPrometheus, type Prometheus } from '../alerts/prometheus.ts';
import { rulesFile } from '../alerts/scenario.ts';
import { findTool } from '../alerts/tools.ts';
import { deliverAll, deliveryOfEvent } from '../destinations/deliveries.ts';
import { farGateSettings } from '../destinations/headgate-far-side.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { readPage } from '../documentation/markdown.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { adminToken, asAdmin } from '../admin-token.ts';

/** A real service with two sources and two destinations, and a real Prometheus that looks at it. */
export interface ObservedService extends AsyncDisposable {
  readonly real: RealService;
  readonly prometheus: Prometheus;
  /** The destination crm: 200, but for what it refuses; or away. */
  away: boolean;
  /** Sends so many events of `shop`, and half as many of `app`. */
  send(count: number, options?: { readonly bad?: number }): Promise<void>;
}

/** What the lists at the top of the dashboards are set to. */
export const chosen = {
  event_name: 'order_completed',
  source: 'shop',
  destination: 'crm',
} as const;

const weekSeconds = 7 * 86_400;

/** A week ago each event came so many times as often as at the start: `lastWeekFactor`. */
export async function startObservedService(lastWeekFactor = 100): Promise<ObservedService> {
  const observed = { away: false };
  const crm = await startHttpServer(({ body }, response) => {
    // It cannot bear what has cost nothing.
    const refused = String(body).includes('"total":0');
    response.writeHead(observed.away ? 503 : refused ? 422 : 200).end();
  });
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-observed-'));
  const real = await startRealService({
    env: { HEADGATE_DATA_DIR: dataDir, HEADGATE_CANARY_INTERVAL: '1s' },
    yaml: `auth: keys
keys:
  - { source: shop, hash: "${hashWriteKey('hg_shop')}" }
  - { source: app, hash: "${hashWriteKey('hg_app')}" }
  - { source: relay-fra, hash: "${hashWriteKey('hg_relay')}", relay_sources: [app] }
destinations:
  warehouse: { type: sqlite, path: "${path.join(dataDir, 'w.db')}" }
  crm: { type: webhook, url: "http://127.0.0.1:${crm.port}/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private_addresses: true }
`,
  });
  const relay = openRelay(real);
  const send: ObservedService['send'] = async (count, { bad = 0 } = {}) => {
    await relay.send(Math.ceil(count / 3), bad > 0);
    await post(real, 'hg_shop', count, bad);
    await post(real, 'hg_app', Math.ceil(count / 2), 0);
  };
  // The counters must have grown before last week can be made of them.
  await send(10, { bad: 2 });
  const prometheus = await startPrometheus(
    {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['headgate.rules.yaml'],
      scrape_configs: [
        {
          job_name: 'headgate',
          authorization: { credentials: adminToken },
          static_configs: [{ targets: [new URL(real.adminUrl).host] }],
        },
      ],
    },
    { 'headgate.rules.yaml': readPage(rulesFile) },
    async (data) =>
      writeLastWeek(data, await readMetrics(real), new URL(real.adminUrl).host, lastWeekFactor),
  );
  return Object.assign(observed, {
    real,
    prometheus,
    send,
    [Symbol.asyncDispose]: async () => {
      await prometheus[Symbol.asyncDispose]();
      await relay.close();
      await real[Symbol.asyncDispose]();
      await crm.close();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  });
}

/** What a relay asks of the service: contracts, and to take events, of which one may be bad. */
function openRelay(real: RealService) {
  const settings = farGateSettings(Number(new URL(real.url).port), 'hg_relay', {
    timeout: 10_000,
  });
  const destination = createHeadgateDestination('gate', settings);
  const contracts = openFarContracts('gate', settings);
  const event = (total: number) =>
    deliveryOfEvent({
      source: 'app',
      timestamp: new Date(Date.now() - 50).toISOString(),
      properties: { order_id: 'A-1', total, currency: 'EUR' },
    });
  return {
    send: async (count: number, hasBad: boolean): Promise<void> => {
      await contracts.fetch('');
      const events = Array.from({ length: count }, () => event(1));
      await deliverAll(destination, hasBad ? [...events, event(-1)] : events);
    },
    close: async (): Promise<void> => {
      contracts.close();
      await destination.close();
    },
  };
}

async function readMetrics(real: RealService): Promise<string> {
  return (await fetch(`${real.adminUrl}/metrics`, asAdmin)).text();
}

/** The same series a week ago, for two hours: each grew evenly, by the factor in each of them. */
async function writeLastWeek(
  data: string,
  page: string,
  instance: string,
  factor: number,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-last-week-'));
  try {
    const series = [...page.matchAll(/^headgate_events_total\{(.*)\} (\d+)$/gm)];
    const from = Math.floor(Date.now() / 1000) - weekSeconds - 3600;
    const lines = Array.from({ length: 240 }, (_, index) =>
      series.map(
        ([, labels, value]) =>
          `headgate_events_total{job="headgate",instance="${instance}",${labels}} ${(Number(value) * factor * index) / 120} ${from + index * 30}`,
      ),
    ).flat();
    const text = `# TYPE headgate_events counter\n${lines.join('\n')}\n# EOF\n`;
    await writeFile(path.join(folder, 'week.txt'), text);
    const promtool = promisify(execFile);
    await promtool(findTool('promtool')!, [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      path.join(folder, 'week.txt'),
      data,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of these `bad` break their contract; then one is free of charge, too. One is sent twice, and one is a page view. */
async function post(real: RealService, key: string, count: number, bad: number): Promise<void> {
  const order = (total: unknown) => ({
    event_name: 'order_completed',
    user_id: 'u-1',
    idempotency_key: randomUUID(),
    properties: { order_id: 'A-1', total, currency: 'EUR' },
  });
  const events: object[] = Array.from({ length: count }, () => order(12.5));
  if (bad > 0) events.push(order(0));
  events.push(events[0]!, ...Array.from({ length: bad }, () => order('12.5')));
  events.push({ ...order(1), event_name: 'page_viewed' });
  const answer = await fetch(`${real.url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ events }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  await answer.arrayBuffer();
}
