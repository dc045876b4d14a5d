import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';

import { renderChart } from './helm-render.ts';
import { faultsOf, type KubernetesObject } from './kubernetes-shapes.ts';
import { root } from './markdown.ts';

const chart = path.join(root, 'deploy/helm/headgate');

/** Undefined where the program is not installed. */
function run(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

interface Loose extends KubernetesObject {
  readonly [key: string]: unknown;
}

const objectsIn = (text: string): Loose[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Loose | null)
    .filter((object) => object !== null);

const nameOf = ({ kind, metadata }: Loose): string => `${kind}/${metadata.name}`;

const byName = (objects: readonly Loose[]): Record<string, Loose> =>
  Object.fromEntries(objects.map((one) => [nameOf(one), one]));

const render = (values: object = {}): Record<string, Loose> =>
  byName(objectsIn(renderChart(chart, values, 'headgate')));

/** The values of the sample that deploy/kubernetes has, too. */
const sample = parse(readFileSync(path.join(chart, 'example-values.yaml'), 'utf8')) as {
  readonly settings: { readonly destinations: object };
};

/**
 * What the two tools name in their own way: kustomize writes the namespace into each object and a digest
 * into the name of a ConfigMap, the chart has that digest as an annotation. Settings are compared as what
 * they say, because the comments of a values file do not reach the ConfigMap.
 */
function comparable(objects: readonly Loose[]): Record<string, unknown> {
  const plain = objects
    .filter(({ kind }) => kind !== 'Namespace')
    .map((object) => {
      const text = JSON.stringify(object, (key, value: unknown) => {
        const isDigest = key === 'annotations' && JSON.stringify(value).includes('checksum/');
        return key === 'namespace' || isDigest ? undefined : value;
      });
      const names = text.replaceAll(/"((?:headgate|nats|schemas))-[0-9a-z]{10}"/g, '"$1"');
      return JSON.parse(names, (key, value: unknown) =>
        key.endsWith('.yaml') || key.endsWith('.json') ? parse(String(value)) : value,
      ) as Loose;
    });
  return byName(plain);
}

describe('deploy/helm/headgate', () => {
  const kustomized = run('kubectl', 'kustomize', path.join(root, 'deploy/kubernetes'));
  if (kustomized === undefined) {
    console.log('skipped: no kubectl here, which renders what the chart is compared with');
  }

  it.skipIf(kustomized === undefined)('has the objects of deploy/kubernetes', () => {
    const wanted = comparable(objectsIn(kustomized!));
    expect(Object.keys(wanted).length).toBeGreaterThan(15);
    expect(comparable(Object.values(render(sample)))).toEqual(wanted);
  });

  it('has no field that its API does not know', () => {
    for (const values of [{}, sample]) {
      const objects = Object.values(render({ ...values, tls: { secret: 'tls' } }));
      expect(objects.flatMap(faultsOf)).toEqual([]);
    }
  });

  it('takes image, replicas, secret, settings, schemas and TLS from values', () => {
    const objects = render({
      image: { repository: 'example/gate', tag: '7' },
      gate: { replicasMin: 3 },
      secret: 'mine',
      secretVariables: { CRM_SECRET: 'crm-secret', LAKE_KEY: 'lake' },
      settings: { destinations: { ...sample.settings.destinations, lake: { type: 'http' } } },
      schemas: { 'cart_viewed/1.json': '{}' },
      tls: { secret: 'gate-tls' },
      log: { storageBytesMax: '8GiB' },
    });
    const gate = JSON.stringify(objects['Deployment/gate']);
    expect(gate).toContain('"image":"example/gate:7"');
    expect(gate).toContain(
      '{"name":"LAKE_KEY","valueFrom":{"secretKeyRef":{"name":"mine","key":"lake"}}}',
    );
    expect(gate).toContain('{"name":"HEADGATE_TLS_CERT","value":"/etc/headgate-tls/tls.crt"}');
    expect(gate).toContain('{"name":"tls","secret":{"secretName":"gate-tls"}}');
    expect(gate).toContain('{"key":"cart_viewed.1.json","path":"cart_viewed/1.json"}');
    expect(gate).toContain('{"name":"HEADGATE_LOG_STORAGE_BYTES_MAX","value":"8GiB"}');
    expect(JSON.stringify(objects['Deployment/workers'])).not.toContain('HEADGATE_TLS');
    expect(objects['HorizontalPodAutoscaler/gate']).toMatchObject({ spec: { minReplicas: 3 } });
    const scaled = objects['ScaledObject/workers']!['spec'] as {
      triggers: { metadata: { consumer: string } }[];
    };
    expect(scaled.triggers.map(({ metadata }) => metadata.consumer)).toEqual(['crm', 'lake']);
    expect(objects['ConfigMap/schemas']!['data']).toMatchObject({ 'cart_viewed.1.json': '{}' });
  });

  it('has no contract, destination or variable of the sample by itself', () => {
    const schemas = { 'taxonomy.yaml': 'events: {}' };
    const objects = render({ schemas });
    expect(objects['ConfigMap/schemas']!['data']).toEqual(schemas);
    const settings = (objects['ConfigMap/headgate']!['data'] as Record<string, string>)[
      'headgate.yaml'
    ];
    expect(parse(settings!)).toEqual({ auth: 'keys', destinations: {} });
    expect(JSON.stringify(objects)).not.toMatch(/crm|order_completed/i);
    // KEDA takes no object without a trigger.
    expect(objects['ScaledObject/workers']).toBeUndefined();
  });

  it('writes texts where Kubernetes takes nothing else', () => {
    const objects = render({
      log: { storageBytesMax: 8_589_934_592 },
      settings: { destinations: { 123: { type: 'http' } } },
    });
    expect(JSON.stringify(objects['Deployment/gate'])).toContain(
      '{"name":"HEADGATE_LOG_STORAGE_BYTES_MAX","value":"8589934592"}',
    );
    expect(JSON.stringify(objects['ScaledObject/workers'])).toContain('"consumer":"123"');
  });

  it('takes contracts of events with any name', () => {
    const paths = [
      '+login/1.json',
      '=20/1.json',
      'order=20completed/12.json',
      '+order=20+completed/1.json',
      '1e3/1.json',
      'true/1.json',
      `${'=c3=9f'.repeat(26)}=c3==h${'0'.repeat(32)}/1.json`,
    ];
    const schemas = Object.fromEntries(paths.map((name) => [name, `{"title":"${name}"}`]));
    const objects = render({ schemas });
    const data = objects['ConfigMap/schemas']!['data'] as Record<string, string>;
    for (const key of Object.keys(data)) {
      expect(key).toMatch(/^(?!\.\.)[-._a-zA-Z0-9]{1,253}$/);
    }
    for (const name of ['Deployment/gate', 'Deployment/workers']) {
      const [mounted] = [...JSON.stringify(objects[name]).matchAll(/"items":(\[[^\]]*\])/g)];
      const items = JSON.parse(mounted![1]!) as { key: string; path: string }[];
      const files = Object.fromEntries(items.map(({ key, path: file }) => [file, data[key]]));
      expect(files).toMatchObject(schemas);
      expect(new Set(items.map(({ key }) => key)).size).toBe(items.length);
    }
  });

  it('leaves out what is turned off', () => {
    const off = { enabled: false };
    const url = 'nats://nats.example:4222';
    const values = { nats: { ...off, url }, keda: off, prometheusOperator: off };
    const objects = render({ ...sample, ...values });
    const left = new Set(Object.keys(objects));
    const gone = Object.keys(render(sample)).filter((name) => !left.has(name));
    expect(gone.toSorted()).toEqual([
      'ConfigMap/nats',
      'NetworkPolicy/gate-calls',
      'NetworkPolicy/headgate-to-nats',
      'PodDisruptionBudget/nats',
      'PrometheusRule/headgate',
      'ScaledObject/workers',
      'Service/nats',
      'ServiceMonitor/headgate',
      'StatefulSet/nats',
    ]);
    expect(objects['Deployment/workers']).toMatchObject({ spec: { replicas: 2 } });
    expect(JSON.stringify(objects['Deployment/gate'])).toContain(`"value":"${url}"`);
  });

  it('is rendered by Helm as it is here', () => {
    const values = {
      tls: { secret: 'gate-tls' },
      keda: { enabled: false },
      settings: { log_level: 'debug' },
    };
    const folder = mkdtempSync(path.join(tmpdir(), 'headgate-helm-'));
    try {
      const file = path.join(folder, 'values.yaml');
      writeFileSync(file, stringify(values));
      const args = ['template', 'x', chart, '--namespace', 'headgate', '--values', file];
      const rendered = run('helm', ...args);
      if (rendered === undefined) console.log('not compared with Helm: it is not installed here');
      const ours = Object.values(render(values));
      expect(comparable(rendered === undefined ? ours : objectsIn(rendered))).toEqual(
        comparable(ours),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(['{{ .Values.nothing }}', '{{ include "x" . }}', '{{ if .Values.a }}'])(
    'sees what the renderer does not know: %s',
    (text) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'headgate-helm-'));
      try {
        writeFileSync(path.join(folder, 'values.yaml'), 'a: 1\n');
        execFileSync('mkdir', [path.join(folder, 'templates')]);
        writeFileSync(path.join(folder, 'templates/one.yaml'), text);
        expect(() => renderChart(folder, {}, 'x')).toThrow(
          /no value|not known here|without its end/,
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
