import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';

import { formatListenAddress } from '../../src/config/address.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import type { Config } from '../../src/config/config.ts';
import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createService, type Service } from '../../src/service/service.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { readPage, root } from './markdown.ts';

interface ComposeService {
  readonly build?: unknown;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
}

interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
  readonly secrets: Readonly<Record<string, { readonly environment: string }>>;
}

interface PrometheusConfig {
  readonly rule_files: readonly string[];
  readonly alerting: {
    readonly alertmanagers: readonly {
      readonly static_configs: readonly { readonly targets: readonly string[] }[];
    }[];
  };
  readonly scrape_configs: readonly {
    readonly authorization: { readonly credentials_file: string };
    readonly dns_sd_configs: readonly {
      readonly names: readonly string[];
      readonly port: number;
    }[];
  }[];
}

const provisioning = 'deploy/grafana/provisioning';

const writeKey = 'hg_of_the_test';
const secrets: Readonly<Record<string, string>> = {
  NATS_PASSWORD: 'of-the-test',
  HEADGATE_ADMIN_TOKEN: 'token-of-the-test',
  HEADGATE_ADMIN_METRICS_TOKEN: 'metrics-token-of-the-test',
  CHECKOUT_KEY_HASH: hashWriteKey(writeKey),
};

/** As Compose does it: `${NAME}` and `${NAME:?message}`, and `$$` for a dollar. */
function interpolate(text: string): string {
  return text.replaceAll(/\$(?:\$|\{(\w+)(?::\?[^}]*)?\})/g, (_whole, name?: string) =>
    name === undefined ? '$' : secrets[name]!,
  );
}

const compose = parse(readPage('deploy/compose.yaml'), { merge: true }) as ComposeFile;
const image = readPage('Dockerfile');

/** What `ENV` of the Dockerfile sets. */
const imageEnvironment = Object.fromEntries(
  [...image.matchAll(/(HEADGATE_(?:LISTEN|ADMIN_LISTEN|DATA_DIR))=(\S+)/g)].map((found) => [
    found[1]!,
    found[2]!,
  ]),
);

function configOf(name: string): Config {
  const environment = Object.entries(compose.services[name]!.environment ?? {});
  return readConfig({
    env: {
      ...imageEnvironment,
      ...Object.fromEntries(environment.map(([key, value]) => [key, interpolate(value)])),
    },
    configFile: '/app/headgate.yaml',
    readFile: () => interpolate(compose.configs['headgate']!.content),
    destinationTypes,
  });
}

describe('deploy/compose.yaml', () => {
  it('has a gate and workers that the configuration accepts', () => {
    const gate = configOf('gate');
    const workers = configOf('workers');
    expect([...gate.roles]).toEqual(['gate']);
    expect([...workers.roles]).toEqual(['deliver']);
    for (const config of [gate, workers]) {
      expect(config.auth).toBe('keys');
      expect(config.admin.token?.reveal()).toBe(secrets['HEADGATE_ADMIN_TOKEN']);
      expect(config.nats.url).toBe('nats://headgate:of-the-test@nats:4222');
      expect(config.destinations.map(({ name }) => name)).toEqual(['warehouse']);
    }
  });

  it("publishes on loopback alone, and neither NATS nor the operators' port", () => {
    const published = Object.values(compose.services).flatMap(({ ports }) => ports ?? []);
    expect(published).toEqual([8080, 9090, 9093, 3000].map((port) => `127.0.0.1:${port}:${port}`));
  });

  it('mounts files that are there', () => {
    const mounted = Object.values(compose.services)
      .flatMap(({ volumes }) => volumes ?? [])
      .map((volume) => volume.split(':')[0]!)
      .filter((source) => source.startsWith('.'));
    expect(mounted.length).toBeGreaterThan(4);
    const missing = mounted.filter((source) => !existsSync(path.join(root, 'deploy', source)));
    expect(missing).toEqual([]);
  });

  it('has Prometheus look at the gate and the workers, with the token, and knows Alertmanager', () => {
    const prometheus = parse(readPage('deploy/prometheus/prometheus.yaml')) as PrometheusConfig;
    const [headgate] = prometheus.scrape_configs;
    const [found] = headgate!.dns_sd_configs;
    const adminPort = Number(imageEnvironment['HEADGATE_ADMIN_LISTEN']!.split(':')[1]);
    expect(found).toMatchObject({ names: ['gate', 'workers'], port: adminPort });
    for (const name of found!.names) expect(compose.services).toHaveProperty(name);
    const secret = path.basename(headgate!.authorization.credentials_file);
    expect(compose.services['prometheus']!.secrets).toEqual([secret]);
    expect(compose.secrets[secret]).toEqual({ environment: 'HEADGATE_ADMIN_METRICS_TOKEN' });
    const targets = prometheus.alerting.alertmanagers[0]!.static_configs[0]!.targets;
    expect(targets).toEqual(['alertmanager:9093']);
    for (const file of prometheus.rule_files) readPage(`deploy/prometheus/${file}`);
  });

  it('has Grafana find Prometheus and the dashboards', () => {
    const sources = parse(readPage(`${provisioning}/datasources/prometheus.yaml`)) as {
      datasources: { url: string }[];
    };
    expect(compose.services).toHaveProperty(new URL(sources.datasources[0]!.url).hostname);
    const { providers } = parse(readPage(`${provisioning}/dashboards/headgate.yaml`)) as {
      providers: { options: { path: string } }[];
    };
    const folder = providers[0]!.options.path;
    expect(compose.services['grafana']!.volumes).toContain(`./grafana/dashboards:${folder}:ro`);
    const home =
      compose.services['grafana']!.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!;
    expect(path.dirname(home)).toBe(folder);
    readPage(`deploy/grafana/dashboards/${path.basename(home)}`);
  });

  it('keeps the streams below what nats.conf gives them, and events below its max_payload', () => {
    const conf = readPage('deploy/nats.conf');
    const storeGb = Number(/max_file_store: (\d+)GB/.exec(conf)![1]);
    const payloadMb = Number(/max_payload: (\d+)MB/.exec(conf)![1]);
    const { log, limits } = configOf('gate');
    expect(log.storageBytesMax).toBeLessThan(storeGb * 1024 ** 3);
    expect(payloadMb * 1024 ** 2).toBeGreaterThan(limits.requestBytesMax);
    expect(conf).toContain('sync_interval: always');
  });
});

describe('what deploy/ describes', () => {
  let folder: string;
  let nats: ChildProcess;
  const services: Service[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'headgate-compose-'));
    const port = await freePort();
    const conf = readPage('deploy/nats.conf')
      .replace('store_dir: /data', `store_dir: ${folder}/nats`)
      .replace('0.0.0.0:4222', `127.0.0.1:${port}`)
      .replace('http: 127.0.0.1:8222', '');
    writeFileSync(path.join(folder, 'nats.conf'), conf);
    const binary = await findServerBinary({
      named: process.env['HEADGATE_NATS_SERVER_BIN'],
      searchPath: process.env['PATH'] ?? '',
    });
    nats = spawn(binary.path, ['-c', path.join(folder, 'nats.conf')], {
      env: { NATS_PASSWORD: secrets['NATS_PASSWORD'] },
      stdio: 'ignore',
    });
    await vi.waitFor(() => connectTo(port), { timeout: 10_000 });
    for (const name of ['gate', 'workers']) {
      const config = configOf(name);
      services.push(
        await createService(
          {
            ...config,
            // The same but for addresses and folders that are the containers'.
            listen: { host: '127.0.0.1', port: 0 },
            admin: { ...config.admin, listen: { host: '127.0.0.1', port: 0 } },
            nats: {
              ...config.nats,
              url: config.nats.url!.replace('nats:4222', `127.0.0.1:${port}`),
            },
            destinations: config.destinations.map((destination) => ({
              ...destination,
              settings: { ...destination.settings, path: path.join(folder, 'warehouse.db') },
            })),
          },
          { logger: createLogger('silent') },
        ),
      );
    }
  });

  afterAll(async () => {
    for (const service of services.toReversed()) await service.stop();
    nats?.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  it('carries an event from the gate through NATS and a worker into the warehouse', async () => {
    const [gate, workers] = services;
    expect(workers!.address).toBeUndefined();
    const answer = await fetch(`http://${formatListenAddress(gate!.address!)}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${writeKey}` },
      body: JSON.stringify({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
        properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
      }),
    });
    expect(answer.status).toBe(202);
    await vi.waitFor(
      () => {
        using database = new DatabaseSync(path.join(folder, 'warehouse.db'), { readOnly: true });
        const rows = database.prepare('select source from events').all();
        expect(rows).toMatchObject([{ source: 'checkout' }]);
      },
      { timeout: 10_000 },
    );
  });

  it('answers metrics to callers with the token, and health to every caller', async () => {
    const admin = `http://127.0.0.1:${services[0]!.adminAddress.port}`;
    const authorization = `Bearer ${secrets['HEADGATE_ADMIN_METRICS_TOKEN']}`;
    expect((await fetch(`${admin}/healthz`)).status).toBe(200);
    expect((await fetch(`${admin}/metrics`)).status).toBe(401);
    expect((await fetch(`${admin}/metrics`, { headers: { authorization } })).status).toBe(200);
  });
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function connectTo(port: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await new Promise((resolve, reject) => {
      socket.once('data', resolve);
      socket.once('error', reject);
    });
  } finally {
    socket.destroy();
  }
}
