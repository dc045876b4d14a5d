import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { parse, stringify } from 'yaml';

import { readPage } from '../documentation/markdown.ts';

/** Series over time, and what an alert makes of them. */
export interface Scenario {
  readonly title: string;
  readonly alert: string;
  /** Between two samples, and between two looks at the rules: `5m`. */
  readonly interval: string;
  /** Name with labels to values, in promtool's notation: see `counter`. */
  readonly series: Readonly<Record<string, string>>;
  /** When it is looked: `8d`. */
  readonly at: string;
  /** The labels of each alert that fires then, without its name. */
  readonly fires: readonly Readonly<Record<string, string>>[];
  /** What the one that fires says. */
  readonly says?: { readonly summary: string; readonly description: string };
}

/** A counter that grows by `step` with each of so many samples, one piece after the other. */
export function counter(...pieces: readonly (readonly [samples: number, step: number])[]): string {
  let value = 0;
  const parts = ['0'];
  for (const [samples, step] of pieces) {
    if (samples <= 0) continue;
    parts.push(`${value + step}+${step}x${samples - 1}`);
    value += samples * step;
  }
  return parts.join(' ');
}

/** The same value, so many times. */
export const gauge = (value: number, samples: number): string => `${value}x${samples - 1}`;

/** No sample, so many times. */
export const missing = (samples: number): string => `_x${samples - 1}`;

export const rulesFile = 'deploy/prometheus/headgate.rules.yaml';

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly { alert?: string }[] }[];
}

/** Runs it by `promtool test rules`. Resolves to what it complains about; empty: it is as it says. */
export async function runScenario(promtool: string, scenario: Scenario): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-rules-'));
  try {
    // Its group alone: the others would be evaluated with it, thousands of times, for nothing.
    const { groups } = parse(readPage(rulesFile)) as RuleFile;
    const own = groups.filter(({ rules }) => rules.some(({ alert }) => alert === scenario.alert));
    await writeFile(path.join(folder, 'rules.yaml'), stringify({ groups: own }));
    await writeFile(path.join(folder, 'test.yaml'), stringify(testFileOf(scenario)));
    return await new Promise((resolve) => {
      execFile(
        promtool,
        ['test', 'rules', 'test.yaml'],
        { cwd: folder },
        (error, stdout, stderr) => {
          resolve(error === null ? '' : `${stdout}${stderr}` || error.message);
        },
      );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function testFileOf({ alert, interval, series, at, fires, says }: Scenario): object {
  const runbook = `docs/runbooks/${alert
    .replace('Headgate', '')
    .replaceAll(/(?<!^)[A-Z]/g, '-$&')
    .toLowerCase()}.md`;
  return {
    rule_files: ['rules.yaml'],
    evaluation_interval: interval,
    tests: [
      {
        interval,
        external_labels: { docs_url: 'https://docs.example' },
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: `ALERTS{alertname="${alert}", alertstate="firing"}`,
            eval_time: at,
            exp_samples: fires.map((labels) => ({
              labels: `ALERTS${JSON.stringify({ alertname: alert, alertstate: 'firing', ...labels }).replaceAll(/"(\w+)":/g, '$1=')}`,
              value: 1,
            })),
          },
        ],
        ...(says !== undefined && {
          alert_rule_test: [
            {
              alertname: alert,
              eval_time: at,
              exp_alerts: fires.map((labels) => ({
                exp_labels: labels,
                exp_annotations: { ...says, runbook_url: `https://docs.example/${runbook}` },
              })),
            },
          ],
        }),
      },
    ],
  };
}

/** How full a stream of the log is. */
export const stream = (
  name: string,
  bytes: string,
  bytesMax: number,
  instance = 'gate-1',
): Record<string, string> => ({
  [`headgate_stream_bytes{stream="${name}",instance="${instance}"}`]: bytes,
  [`headgate_stream_bytes_max{stream="${name}",instance="${instance}"}`]: gauge(bytesMax, 40),
});
