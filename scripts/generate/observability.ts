/**
 * Writes the alert rules and the dashboards under deploy/ from deploy/observability/.
 *
 *     node scripts/generate/observability.ts [--check]
 *
 * With `--check` nothing is written: it exits 1 when a committed file is another.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { dashboards, renderDashboard } from '../../deploy/observability/dashboards.ts';
import { prometheusRule, renderYaml, ruleFile } from '../../deploy/observability/rules.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = 'deploy/observability/';

/** Path to content. */
function files(): Map<string, string> {
  return new Map([
    ['deploy/prometheus/headgate.rules.yaml', renderYaml(source, ruleFile())],
    ['deploy/kubernetes/prometheus-rule.yaml', renderYaml(source, prometheusRule())],
    ...dashboards.map(
      (dashboard) =>
        [`deploy/grafana/dashboards/${dashboard.uid}.json`, renderDashboard(dashboard)] as const,
    ),
  ]);
}

function main(): void {
  const check = process.argv.includes('--check');
  for (const [name, content] of files()) {
    const file = path.join(root, name);
    if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
    if (!check) {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, content);
      continue;
    }
    process.stderr.write(`${name} is stale: run node scripts/generate/observability.ts\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
