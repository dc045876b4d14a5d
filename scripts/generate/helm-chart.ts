import { readFileSync } from 'node:fs';
import path from 'node:path';

import { prometheusRule, renderYaml } from '../../deploy/observability/rules.ts';
import type { Generated } from './generated.ts';

const from = 'deploy/kubernetes';
const to = 'deploy/helm/headgate';

type Edit = readonly [text: string, template: string];

/**
 * The key of a file of contracts in its ConfigMap, which may hold letters, digits, `-`, `_` and `.` alone.
 * The names of folders have `=` and `+` for other characters, and no capitals: `+login/1.json` is
 * `Clogin.1.json`, `order=20completed/1.json` is `orderE20completed.1.json`.
 */
const configMapKey = '{{ $path | replace "/" "." | replace "=" "E" | replace "+" "C" | quote }}';

const condition = (value: string, text: string): string =>
  `{{- if ${value} }}\n${text.trimEnd()}\n{{- end }}\n`;

/** What gates and workers have in common. Each text is replaced wherever it is, and must be there. */
const ofPods: readonly Edit[] = [
  [
    '  template:\n    metadata:\n',
    '  template:\n    metadata:\n' +
      // A change of these restarts the pods. kustomize has a digest in the name of the ConfigMap.
      '      annotations:\n' +
      '        checksum/settings: {{ toYaml .Values.settings | sha256sum }}\n' +
      '        checksum/schemas: {{ toYaml .Values.schemas | sha256sum }}\n',
  ],
  ['image: headgate\n', 'image: {{ .Values.image.repository }}:{{ .Values.image.tag }}\n'],
  [
    '            - name: CRM_SECRET\n' +
      '              valueFrom: { secretKeyRef: { name: headgate, key: crm-secret } }\n',
    '            {{- range $name, $key := .Values.secretVariables }}\n' +
      '            - name: {{ $name }}\n' +
      '              valueFrom: { secretKeyRef: { name: headgate, key: {{ $key }} } }\n' +
      '            {{- end }}\n',
  ],
  ['secretKeyRef: { name: headgate,', 'secretKeyRef: { name: {{ $.Values.secret }},'],
  [
    'value: nats://headgate:$(NATS_PASSWORD)@nats-0.nats:4222,nats://nats-1.nats:4222,nats://nats-2.nats:4222',
    'value: {{ .Values.nats.url | quote }}',
  ],
  ['value: 16GiB', 'value: {{ .Values.log.storageBytesMax | quote }}'],
  [
    '            items:\n' +
      '              - { key: order_completed.1.json, path: order_completed/1.json }\n' +
      '              - { key: taxonomy.yaml, path: taxonomy.yaml }\n',
    '            {{- if .Values.schemas }}\n' +
      '            items:\n' +
      '              {{- range $path, $text := .Values.schemas }}\n' +
      `              - { key: ${configMapKey}, path: {{ $path | quote }} }\n` +
      '              {{- end }}\n' +
      '            {{- end }}\n',
  ],
];

const ofGate: readonly Edit[] = [
  ['minReplicas: 2', 'minReplicas: {{ .Values.gate.replicasMin }}'],
  ['maxReplicas: 10', 'maxReplicas: {{ .Values.gate.replicasMax }}'],
  [
    '              value: gate\n',
    '              value: gate\n            {{- if .Values.tls.secret }}\n' +
      '            - name: HEADGATE_TLS_CERT\n              value: /etc/headgate-tls/tls.crt\n' +
      '            - name: HEADGATE_TLS_KEY\n              value: /etc/headgate-tls/tls.key\n' +
      '            {{- end }}\n',
  ],
  [
    '            - { name: data, mountPath: /data }\n',
    '            - { name: data, mountPath: /data }\n            {{- if .Values.tls.secret }}\n' +
      '            - { name: tls, mountPath: /etc/headgate-tls, readOnly: true }\n' +
      '            {{- end }}\n',
  ],
  [
    '        - { name: data, emptyDir: {} }\n',
    '        - { name: data, emptyDir: {} }\n        {{- if .Values.tls.secret }}\n' +
      '        - { name: tls, secret: { secretName: {{ .Values.tls.secret }} } }\n' +
      '        {{- end }}\n',
  ],
];

const ofWorkers: readonly Edit[] = [
  [
    '  # KEDA sets the number of replicas.\n',
    '  {{- if not .Values.keda.enabled }}\n' +
      '  replicas: {{ .Values.workers.replicasMin }}\n  {{- end }}\n',
  ],
  ['minReplicaCount: 2', 'minReplicaCount: {{ .Values.workers.replicasMin }}'],
  ['maxReplicaCount: 10', 'maxReplicaCount: {{ .Values.workers.replicasMax }}'],
  [
    "    # One trigger for each destination: its durable consumer on EVENTS_0 has the destination's name.\n",
    "    # One trigger for each destination: its durable consumer on EVENTS_0 has the destination's name.\n" +
      '    {{- range $name, $destination := .Values.settings.destinations }}\n',
  ],
  [
    'nats.headgate.svc.cluster.local:8222',
    '{{ if $.Values.nats.enabled }}nats.{{ $.Release.Namespace }}.svc.cluster.local:8222' +
      '{{ else }}{{ $.Values.nats.monitor }}{{ end }}',
  ],
  ['consumer: crm', 'consumer: {{ $name | quote }}'],
  ['lagThreshold: "10000"\n', 'lagThreshold: "10000"\n    {{- end }}\n'],
];

const configMaps = `# Made by npm run generate: see scripts/generate/helm-chart.ts.
apiVersion: v1
kind: ConfigMap
metadata:
  name: headgate
data:
  headgate.yaml: |
    {{- toYaml .Values.settings | nindent 4 }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: schemas
{{- if .Values.schemas }}
data:
  {{- range $path, $text := .Values.schemas }}
  ${configMapKey}: {{ $text | toJson }}
  {{- end }}
{{- end }}
---
{{- if .Values.nats.enabled }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: nats
data:
  nats.conf: {{ .Files.Get "files/nats.conf" | toJson }}
{{- end }}
`;

/**
 * The templates of the Helm chart, made of the files of the kustomization, so that both have the same
 * objects. values.yaml and Chart.yaml are written by hand.
 */
export function generateHelmChart(root: string): Generated {
  const read = (name: string): string => readFileSync(path.join(root, from, name), 'utf8');
  const template = (name: string, text: string): [string, string] => [
    `${to}/templates/${name}`,
    text.startsWith('# Made by')
      ? text
      : `# Made by npm run generate from ${from}: edit that.\n${text}`,
  ];
  const objects = (name: string, ...edits: (readonly Edit[])[]): string[] =>
    withPartOf(edit(read(name), edits.flat())).split(/^---\n/m);
  const whenEnabled = (part: string, names: RegExp, all: readonly string[]): string =>
    all
      .map((one) => (names.test(one) ? condition(`.Values.${part}.enabled`, one) : one))
      .join('---\n');
  return {
    folder: `${to}/templates`,
    files: new Map([
      template('gate.yaml', objects('gate.yaml', ofPods, ofGate).join('---\n')),
      template(
        'workers.yaml',
        whenEnabled(
          'keda',
          /^kind: ScaledObject$/m,
          objects('workers.yaml', ofPods, ofWorkers).map((one) =>
            // KEDA takes no object without a trigger.
            /^kind: ScaledObject$/m.test(one)
              ? condition('.Values.settings.destinations', one)
              : one,
          ),
        ),
      ),
      template(
        'nats.yaml',
        whenEnabled(
          'nats',
          /^kind:/m,
          objects('nats.yaml', [
            ['secretKeyRef: { name: headgate,', 'secretKeyRef: { name: {{ .Values.secret }},'],
            ['storage: 20Gi', 'storage: {{ .Values.nats.storage }}'],
          ]),
        ),
      ),
      // They name the pods of this NATS. With another, gates must reach that.
      template(
        'network-policy.yaml',
        whenEnabled(
          'nats',
          /^ {2}name: (headgate-to-nats|gate-calls)$/m,
          objects('network-policy.yaml'),
        ),
      ),
      template(
        'service-monitor.yaml',
        whenEnabled(
          'prometheusOperator',
          /^kind:/m,
          objects('service-monitor.yaml', [
            ['credentials: { name: headgate,', 'credentials: { name: {{ .Values.secret }},'],
          ]),
        ),
      ),
      template(
        'prometheus-rule.yaml',
        condition(
          '.Values.prometheusOperator.enabled',
          '{{ .Files.Get "files/prometheus-rule.yaml" }}',
        ),
      ),
      template('config-maps.yaml', withPartOf(configMaps)),
    ]),
  };
}

/** What templates read as it is: their `{{` would be taken for templates. */
export function generateHelmFiles(root: string): Generated {
  const nats = readFileSync(path.join(root, from, 'nats.conf'), 'utf8');
  const rule = withPartOf(renderYaml('deploy/observability/', prometheusRule()));
  return {
    folder: `${to}/files`,
    files: new Map([
      [`${to}/files/nats.conf`, nats],
      [`${to}/files/prometheus-rule.yaml`, rule],
    ]),
  };
}

function edit(text: string, edits: readonly Edit[]): string {
  return edits.reduce((rest, [found, template]) => {
    if (!rest.includes(found)) throw new Error(`${from} has no longer: ${found}`);
    return rest.replaceAll(found, () => template);
  }, text);
}

/** The label that kustomization.yaml gives to every object. */
function withPartOf(text: string): string {
  const label = 'app.kubernetes.io/part-of: headgate';
  return text
    .replaceAll(/^ {2}labels: \{ /gm, `  labels: { ${label}, `)
    .replaceAll(
      /^metadata:\n {2}name: (\S+)\n(?! {2}labels)/gm,
      `metadata:\n  name: $1\n  labels: { ${label} }\n`,
    );
}
