/**
 * The fields that the objects of deploy/kubernetes may have, as their APIs define them. No schema of
 * Kubernetes is on npm among what we depend on, and an API server drops an unknown field without a
 * word (or refuses it): a slip in a name must be seen here. To use another field, add it.
 */
export type Shape =
  | 'text'
  | 'number'
  | 'flag'
  | 'port'
  | 'labels'
  | readonly [Shape]
  | { readonly [key: string]: Shape };

const metadata = {
  name: 'text',
  namespace: 'text',
  labels: 'labels',
  annotations: 'labels',
} as const;
const selector = { matchLabels: 'labels' } as const;
const target = { apiVersion: 'text', kind: 'text', name: 'text' } as const;

const probe: Shape = {
  httpGet: { path: 'text', port: 'port' },
  periodSeconds: 'number',
  timeoutSeconds: 'number',
  failureThreshold: 'number',
};

const container: Shape = {
  name: 'text',
  image: 'text',
  args: ['text'],
  env: [
    {
      name: 'text',
      value: 'text',
      valueFrom: {
        secretKeyRef: { name: 'text', key: 'text' },
        fieldRef: { fieldPath: 'text' },
      },
    },
  ],
  ports: [{ name: 'text', containerPort: 'number' }],
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  lifecycle: { preStop: { exec: { command: ['text'] } } },
  resources: { requests: 'labels', limits: 'labels' },
  securityContext: {
    allowPrivilegeEscalation: 'flag',
    readOnlyRootFilesystem: 'flag',
    capabilities: { drop: ['text'] },
  },
  volumeMounts: [{ name: 'text', mountPath: 'text', subPath: 'text', readOnly: 'flag' }],
};

const pod: Shape = {
  metadata,
  spec: {
    terminationGracePeriodSeconds: 'number',
    automountServiceAccountToken: 'flag',
    enableServiceLinks: 'flag',
    securityContext: {
      runAsNonRoot: 'flag',
      runAsUser: 'number',
      runAsGroup: 'number',
      fsGroup: 'number',
      seccompProfile: { type: 'text' },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 'number',
        topologyKey: 'text',
        whenUnsatisfiable: 'text',
        labelSelector: selector,
      },
    ],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'text', labelSelector: selector },
        ],
      },
    },
    containers: [container],
    volumes: [
      {
        name: 'text',
        configMap: { name: 'text', items: [{ key: 'text', path: 'text' }] },
        emptyDir: {},
        secret: { secretName: 'text' },
      },
    ],
  },
};

const peer: Shape = { podSelector: selector, namespaceSelector: selector };
const allowed: Shape = [{ port: 'port', protocol: 'text' }];

/** By `apiVersion/kind`, without what all have. */
const shapes: Readonly<Record<string, { readonly [key: string]: Shape }>> = {
  'v1/Namespace': {},
  'v1/ConfigMap': { data: 'labels' },
  'v1/Service': {
    spec: {
      clusterIP: 'text',
      publishNotReadyAddresses: 'flag',
      selector: 'labels',
      ports: [{ name: 'text', port: 'number', targetPort: 'port' }],
    },
  },
  'apps/v1/Deployment': {
    spec: {
      selector,
      strategy: { rollingUpdate: { maxUnavailable: 'port', maxSurge: 'port' } },
      template: pod,
    },
  },
  'apps/v1/StatefulSet': {
    spec: {
      serviceName: 'text',
      replicas: 'number',
      podManagementPolicy: 'text',
      selector,
      template: pod,
      volumeClaimTemplates: [
        { metadata, spec: { accessModes: ['text'], resources: { requests: 'labels' } } },
      ],
    },
  },
  'policy/v1/PodDisruptionBudget': { spec: { maxUnavailable: 'port', selector } },
  'autoscaling/v2/HorizontalPodAutoscaler': {
    spec: {
      scaleTargetRef: target,
      minReplicas: 'number',
      maxReplicas: 'number',
      metrics: [
        {
          type: 'text',
          resource: { name: 'text', target: { type: 'text', averageUtilization: 'number' } },
        },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 'number' } },
    },
  },
  'keda.sh/v1alpha1/ScaledObject': {
    spec: {
      scaleTargetRef: target,
      minReplicaCount: 'number',
      maxReplicaCount: 'number',
      cooldownPeriod: 'number',
      triggers: [
        {
          type: 'text',
          // Of the scaler nats-jetstream; every value of it is a text.
          metadata: {
            natsServerMonitoringEndpoint: 'text',
            account: 'text',
            stream: 'text',
            consumer: 'text',
            lagThreshold: 'text',
            activationLagThreshold: 'text',
          },
        },
      ],
    },
  },
  'networking.k8s.io/v1/NetworkPolicy': {
    spec: {
      podSelector: selector,
      policyTypes: ['text'],
      ingress: [{ from: [peer], ports: allowed }],
      egress: [{ to: [peer], ports: allowed }],
    },
  },
  'monitoring.coreos.com/v1/ServiceMonitor': {
    spec: {
      selector,
      endpoints: [
        {
          port: 'text',
          path: 'text',
          interval: 'text',
          authorization: { credentials: { name: 'text', key: 'text' } },
          relabelings: [{ sourceLabels: ['text'], targetLabel: 'text', replacement: 'text' }],
        },
      ],
    },
  },
  'monitoring.coreos.com/v1/PrometheusRule': {
    spec: {
      groups: [
        {
          name: 'text',
          rules: [
            {
              record: 'text',
              alert: 'text',
              expr: 'text',
              for: 'text',
              labels: 'labels',
              annotations: 'labels',
            },
          ],
        },
      ],
    },
  },
};

/** What is not as its API has it: `Deployment/gate.spec.replica: there is no such field`. */
export function faultsOf(object: KubernetesObject): string[] {
  const shape = shapes[`${object.apiVersion}/${object.kind}`];
  const name = `${object.kind}/${object.metadata.name}`;
  if (shape === undefined) return [`${name}: ${object.apiVersion} is not known here`];
  return compare(object, { apiVersion: 'text', kind: 'text', metadata, ...shape }, name);
}

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function compare(value: unknown, shape: Shape, place: string): string[] {
  if (typeof shape === 'string')
    return isOf(value, shape) ? [] : [`${place}: is not of the type ${shape}`];
  if (isList(shape)) {
    if (!Array.isArray(value)) return [`${place}: is not a list`];
    return value.flatMap((one, index) => compare(one, shape[0], `${place}[${index}]`));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`${place}: is not an object`];
  }
  return Object.entries(value).flatMap(([key, inner]) => {
    const own = shape[key];
    return own === undefined
      ? [`${place}.${key}: there is no such field`]
      : compare(inner, own, `${place}.${key}`);
  });
}

const isList = (shape: Exclude<Shape, string>): shape is readonly [Shape] => Array.isArray(shape);

function isOf(value: unknown, type: Extract<Shape, string>): boolean {
  switch (type) {
    case 'text':
      return typeof value === 'string';
    case 'number':
      return Number.isInteger(value);
    case 'flag':
      return typeof value === 'boolean';
    case 'port':
      return typeof value === 'string' || Number.isInteger(value);
    case 'labels':
      return (
        typeof value === 'object' &&
        value !== null &&
        Object.values(value).every((one) => typeof one === 'string')
      );
  }
}
