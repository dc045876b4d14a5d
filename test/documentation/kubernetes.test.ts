import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { loadRegistry } from '../../src/validation/schema-registry.ts';
import { faultsOf, type KubernetesObject } from './kubernetes-shapes.ts';
import { readPage, root } from './markdown.ts';

const folder = path.join(root, 'deploy/kubernetes');

/** Undefined where there is no kubectl. */
function render(): string | undefined {
  try {
    return execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    console.log(
      'skipped, what needs kubectl: there is none here, and nothing renders deploy/kubernetes',
    );
    return undefined;
  }
}

type Labels = Readonly<Record<string, string>>;

interface Workload extends KubernetesObject {
  readonly spec: {
    readonly selector: { readonly matchLabels: Labels };
    readonly template: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly enableServiceLinks: boolean;
        readonly volumes: readonly {
          readonly name: string;
          readonly configMap?: {
            readonly name: string;
            readonly items?: readonly { readonly key: string; readonly path: string }[];
          };
        }[];
        readonly containers: readonly {
          readonly env: readonly {
            readonly name: string;
            readonly value?: string;
            readonly valueFrom?: {
              readonly secretKeyRef?: { readonly name: string; readonly key: string };
            };
          }[];
          readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
          readonly livenessProbe: { readonly httpGet: { readonly port: string } };
        }[];
      };
    };
  };
}

/** Of whatever chooses pods: a Service, a budget, a policy. */
interface Chooser extends KubernetesObject {
  readonly spec: {
    readonly selector?: Labels & { readonly matchLabels?: Labels };
    readonly podSelector?: { readonly matchLabels?: Labels };
    readonly ports?: readonly {
      readonly name: string;
      readonly targetPort: string;
      readonly port: number;
    }[];
  };
}

const rendered = render();
const objects =
  rendered === undefined
    ? []
    : parseAllDocuments(rendered).map((document) => document.toJS() as KubernetesObject);
const ofKind = <Kind extends KubernetesObject>(...kinds: string[]): Kind[] =>
  objects.filter(({ kind }) => kinds.includes(kind)) as Kind[];
const named = <Kind extends KubernetesObject>(kind: string, name: string): Kind =>
  ofKind<Kind>(kind).find(({ metadata }) => metadata.name === name)!;

describe.skipIf(rendered === undefined)('deploy/kubernetes', () => {
  const workloads = ofKind<Workload>('Deployment', 'StatefulSet');
  const chosenBy = (labels: Labels): Workload[] =>
    workloads.filter(({ spec }) =>
      Object.entries(labels).every(([key, value]) => spec.template.metadata.labels[key] === value),
    );

  it('has what it should, each in its namespace, with no field that its API does not know', () => {
    const kinds = [
      'Deployment',
      'StatefulSet',
      'HorizontalPodAutoscaler',
      'ScaledObject',
      'PodDisruptionBudget',
      'NetworkPolicy',
      'ServiceMonitor',
      'PrometheusRule',
    ];
    expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kinds));
    expect(objects.flatMap(faultsOf)).toEqual([]);
    const outside = objects.filter(
      ({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'headgate',
    );
    expect(outside).toEqual([]);
  });

  it('sees a slip in a name, and a value of another type', () => {
    const gate = structuredClone(named<Workload>('Deployment', 'gate'));
    Object.assign(gate.spec, { replica: 2 });
    Object.assign(gate.spec.template.spec, { terminationGracePeriodSeconds: '30' });
    expect(faultsOf(gate)).toEqual([
      'Deployment/gate.spec.template.spec.terminationGracePeriodSeconds: is not of the type number',
      'Deployment/gate.spec.replica: there is no such field',
    ]);
  });

  it('chooses pods that there are, by ports that they have', () => {
    for (const { spec, metadata, kind } of ofKind<Chooser>(
      'Service',
      'PodDisruptionBudget',
      'NetworkPolicy',
      'Deployment',
      'StatefulSet',
    )) {
      const labels =
        spec.podSelector?.matchLabels ?? spec.selector?.matchLabels ?? spec.selector ?? {};
      const chosen = chosenBy(labels as Labels);
      expect(chosen, `${kind}/${metadata.name}`).not.toEqual([]);
      if (kind !== 'Service') continue;
      const ports = chosen.flatMap((one) =>
        one.spec.template.spec.containers.flatMap((each) => each.ports),
      );
      for (const { targetPort, port } of spec.ports!) {
        expect(ports).toContainEqual({ name: targetPort, containerPort: port });
      }
    }
    for (const kind of ['HorizontalPodAutoscaler', 'ScaledObject']) {
      for (const one of ofKind<KubernetesObject & { spec: { scaleTargetRef: { name: string } } }>(
        kind,
      )) {
        expect(named('Deployment', one.spec.scaleTargetRef.name)).toBeDefined();
      }
    }
  });

  it('has settings that the configuration accepts, and a trigger for each destination', () => {
    const secrets: Labels = {
      NATS_PASSWORD: 'of-the-test',
      HEADGATE_ADMIN_TOKEN: 'admin-token-of-the-test',
      HEADGATE_ADMIN_METRICS_TOKEN: 'metrics-token-of-the-test',
      CRM_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    };
    const image = [
      ...readPage('Dockerfile').matchAll(/(HEADGATE_(?:LISTEN|ADMIN_LISTEN|DATA_DIR))=(\S+)/g),
    ];
    const roles = ['gate', 'workers'].map((name) => {
      const { template } = named<Workload>('Deployment', name).spec;
      const { env, ports, livenessProbe } = template.spec.containers[0]!;
      const given = env.map(({ name, value, valueFrom }) => {
        expect(valueFrom === undefined || valueFrom.secretKeyRef!.name === 'headgate').toBe(true);
        return [
          name,
          value?.replaceAll(/\$\((\w+)\)/g, (_whole, key: string) => secrets[key]!) ??
            secrets[name]!,
        ];
      });
      const config = readConfig({
        env: {
          ...Object.fromEntries(image.map((found) => [found[1]!, found[2]!])),
          ...Object.fromEntries(given),
        },
        configFile: '/app/headgate.yaml',
        readFile: () => readPage('deploy/kubernetes/headgate.yaml'),
        destinationTypes,
      });
      expect(config.durability).toBe('replicated');
      expect(config.nats.url!.split(',')).toHaveLength(3);
      expect(ports).toContainEqual({
        name: livenessProbe.httpGet.port,
        containerPort: config.admin.listen.port,
      });
      expect(template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(
        config.shutdownGraceMs + 5000,
      );
      // HEADGATE_* of a service that happens to be called so would stop the start.
      expect(template.spec.enableServiceLinks).toBe(false);
      const { triggers } = named<KubernetesObject & { spec: { triggers: { metadata: Labels }[] } }>(
        'ScaledObject',
        'workers',
      ).spec;
      expect(triggers.map(({ metadata }) => metadata['consumer'])).toEqual(
        config.destinations.map((one) => one.name),
      );
      expect(new Set(triggers.map(({ metadata }) => metadata['stream']))).toEqual(
        new Set(['EVENTS_0']),
      );
      return [...config.roles];
    });
    expect(roles).toEqual([['gate'], ['deliver']]);
  });

  it('mounts what kustomize makes, and keeps the streams below the store, and that below the volume', () => {
    const made = new Set(ofKind('ConfigMap').map(({ metadata }) => metadata.name));
    const mounted = workloads.flatMap(({ spec }) =>
      spec.template.spec.volumes.flatMap(({ configMap }) => configMap?.name ?? []),
    );
    expect(new Set(mounted)).toEqual(made);
    const storeBytes =
      Number(/max_file_store: (\d+)GB/.exec(readPage('deploy/kubernetes/nats.conf'))![1]) * 1e9;
    const { volumeClaimTemplates } = named<Workload>('StatefulSet', 'nats').spec as object as {
      volumeClaimTemplates: { spec: { resources: { requests: { storage: string } } } }[];
    };
    const volume = volumeClaimTemplates[0]!.spec.resources.requests.storage;
    expect(storeBytes).toBeLessThan(parseInt(volume, 10) * 1024 ** 3);
    const streams = named<Workload>(
      'Deployment',
      'gate',
    ).spec.template.spec.containers[0]!.env.find(
      ({ name }) => name === 'HEADGATE_LOG_STORAGE_BYTES_MAX',
    )!.value!;
    expect(parseInt(streams, 10) * 1024 ** 3).toBeLessThan(storeBytes);
  });

  it('mounts the contracts, which load as a ConfigMap lays them out', async () => {
    const { data } = ofKind<KubernetesObject & { data: Labels }>('ConfigMap').find(({ metadata }) =>
      metadata.name.startsWith('schemas'),
    )!;
    for (const name of ['gate', 'workers']) {
      const { volumes } = named<Workload>('Deployment', name).spec.template.spec;
      const items = volumes.find((volume) => volume.name === 'schemas')!.configMap!.items!;
      expect(items.map(({ key }) => key).toSorted()).toEqual(Object.keys(data).toSorted());
      const mount = mkdtempSync(path.join(tmpdir(), 'headgate-contracts-'));
      onTestFinished(() => rmSync(mount, { recursive: true, force: true }));
      // The kubelet replaces all files at once, by one link.
      for (const { key, path: file } of items) {
        const target = path.join(mount, '..2026_03_01', file);
        mkdirSync(path.dirname(target), { recursive: true });
        writeFileSync(target, data[key]!);
      }
      symlinkSync('..2026_03_01', path.join(mount, '..data'));
      for (const top of readdirSync(path.join(mount, '..2026_03_01'))) {
        symlinkSync(path.join('..data', top), path.join(mount, top));
      }
      const { events } = await loadRegistry(mount);
      expect(events.map((event) => event.name)).toEqual(['order_completed']);
    }
  });

  it('has Prometheus find both services, under a job that the alerts ask for', () => {
    interface Monitor extends KubernetesObject {
      readonly spec: {
        readonly selector: { readonly matchLabels: Labels };
        readonly endpoints: readonly {
          readonly port: string;
          readonly relabelings: readonly { readonly replacement: string }[];
        }[];
      };
    }
    const { selector, endpoints } = named<Monitor>('ServiceMonitor', 'headgate').spec;
    const found = ofKind<Chooser & { metadata: { labels: Labels } }>('Service').filter(
      ({ metadata, spec }) =>
        Object.entries(selector.matchLabels).every(
          ([key, value]) => metadata.labels[key] === value,
        ) && spec.ports!.some(({ name }) => name === endpoints[0]!.port),
    );
    expect(found.map(({ metadata }) => metadata.name).toSorted()).toEqual(['gate', 'workers']);
    expect(endpoints[0]!.relabelings[0]!.replacement).toMatch(/^headgate/);
    const rule = named<KubernetesObject & { spec: object }>('PrometheusRule', 'headgate').spec;
    expect(rule).toEqual(parse(readPage('deploy/prometheus/headgate.rules.yaml')));
  });
});
