import { stringify } from 'yaml';

import { runbookOf, type Alert, type RuleGroup } from './alert.ts';
import { deliveryGroups } from './delivery-alerts.ts';
import { gateGroups } from './gate-alerts.ts';
import { intakeGroups } from './intake-alerts.ts';
import { relayGroups } from './relay-alerts.ts';

/** All groups, in the order in which data flows. */
export const ruleGroups: readonly RuleGroup[] = [
  ...intakeGroups,
  ...relayGroups,
  ...deliveryGroups,
  ...gateGroups,
];

export const alerts: readonly Alert[] = ruleGroups.flatMap((group) => group.alerts);

/**
 * The address of a runbook. `docs_url` is an external label of Prometheus: the address where people
 * read the pages. With it this is a link, without it a path in this repository.
 */
function runbookUrl(alert: Alert): string {
  const page = `docs/runbooks/${runbookOf(alert)}.md`;
  return `{{ with $externalLabels.docs_url }}{{ . }}/{{ end }}${page}`;
}

/** The groups in the form of a Prometheus rule file, and of `spec` in a PrometheusRule. */
export function ruleFile(): object {
  return {
    groups: ruleGroups.map(({ name, recordings, alerts }) => ({
      name,
      rules: [
        ...recordings.map(({ name, expression, labels }) => ({
          record: name,
          expr: expression,
          ...(labels !== undefined && { labels }),
        })),
        ...alerts.map((alert) => ({
          alert: alert.name,
          expr: alert.expression,
          for: alert.for,
          labels: { severity: alert.severity },
          annotations: {
            summary: alert.summary,
            description: alert.description,
            runbook_url: runbookUrl(alert),
          },
        })),
      ],
    })),
  };
}

/** The same for the Prometheus operator. */
export function prometheusRule(): object {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'headgate' },
    spec: ruleFile(),
  };
}

export function renderYaml(source: string, content: object): string {
  return `# Made by npm run generate from ${source}: edit that.\n${stringify(content, { lineWidth: 100 })}`;
}
