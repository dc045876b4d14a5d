import { dashboards, renderDashboard } from '../../deploy/observability/dashboards.ts';
import { prometheusRule, renderYaml, ruleFile } from '../../deploy/observability/rules.ts';
import type { Generated } from './generated.ts';

const source = 'deploy/observability/';

/** The alert rules and the dashboards under deploy/. */
export function generateObservability(): Generated {
  const rules: [string, string][] = [
    ['deploy/prometheus/headgate.rules.yaml', renderYaml(source, ruleFile())],
    ['deploy/kubernetes/prometheus-rule.yaml', renderYaml(source, prometheusRule())],
  ];
  const boards = dashboards.map((dashboard): [string, string] => [
    `deploy/grafana/dashboards/${dashboard.uid}.json`,
    renderDashboard(dashboard),
  ]);
  return { files: new Map([...rules, ...boards]) };
}
