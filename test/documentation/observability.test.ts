import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { asAdmin } from '../admin-token.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { runbookOf } from '../../deploy/observability/alert.ts';
import { dashboards } from '../../deploy/observability/dashboards.ts';
import { alerts, ruleFile } from '../../deploy/observability/rules.ts';
import { pages, readPage } from './markdown.ts';

const metricsPage = readPage('docs/operate/metrics.md');
const alertsPage = readPage('docs/operate/alerts.md');

/** One row of the page's table of metrics. */
interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labels: string;
  readonly meaning: string;
}

const rowPattern = /^\| `(headgate_\w+)` \| (counter|gauge|histogram) \|(.*?)\| (.*?) \|$/gm;

function documented(): Metric[] {
  return [...metricsPage.matchAll(rowPattern)].map(([, name, type, labels, meaning]) => ({
    name: name!,
    type: type!,
    labels: labels!.replaceAll('`', '').trim(),
    meaning: meaning!,
  }));
}

/** What a scrape says of itself: HELP, TYPE, and the labels of the first series. */
function exposed(text: string): Metric[] {
  return [...text.matchAll(/^# HELP (headgate_\w+) (.*)\n# TYPE \1 (\w+)\n(.*)$/gm)].map(
    ([, name, meaning, type, sample]) => {
      const found = [...(/\{(.*)\}/.exec(sample!)?.[1] ?? '').matchAll(/(\w+)="/g)];
      const labels = found.map(([, label]) => label!).filter((label) => label !== 'le');
      return { name: name!, type: type!, labels: labels.join(', '), meaning: meaning! };
    },
  );
}

describe('docs/operate/metrics.md', () => {
  let real: RealService;
  let metrics: Metric[];

  beforeAll(async () => {
    // Metrics of webhooks and of streams have series where there are sources of them.
    const hub =
      '{ provider: github, secret: of-a-test, events: { push: page_viewed }, limits: { bytes_per_day: 1GiB } }';
    const env = { HEADGATE_DATA_DIR: await mkdtemp(path.join(tmpdir(), 'headgate-metrics-')) };
    // Metrics of quarantine have series where an event is in it, from the start on.
    await using before = await startRealService({ env });
    await fetch(`${before.url}/v1/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"events":[{"event_name":"order_completed"}]}',
    });
    await before.stop();
    real = await startRealService({
      env,
      yaml: `webhooks: { hub: ${hub} }\nintake: { nats: { orders: { stream: ORDERS, consumer: gate } } }\n`,
    });
    metrics = exposed(await (await fetch(`${real.adminUrl}/metrics`, asAdmin)).text());
  });

  afterAll(async () => {
    await real[Symbol.asyncDispose]();
    await rm(real.dataDir, { recursive: true, force: true });
  });

  it('lists every metric as the code has it, and no other', () => {
    const byName = (one: Metric, other: Metric): number => (one.name < other.name ? -1 : 1);
    expect(metrics.length).toBeGreaterThan(10);
    expect(documented().toSorted(byName)).toEqual(metrics.toSorted(byName));
  });
});

describe('the alerts', () => {
  const runbooks = pages().filter((name) => name.startsWith('docs/runbooks/'));

  it('are all listed with their severities, and no others are', () => {
    const rows = alertsPage.matchAll(
      /^\| \[(Headgate\w+)\]\(\.\.\/runbooks\/([\w-]+)\.md\) \| ([\w, ]+) \|/gm,
    );
    const listed = [...rows].map(([, name, runbook, severities]) => ({
      name,
      runbook,
      severities,
    }));
    const names = [...new Set(alerts.map(({ name }) => name))];
    expect(listed).toEqual(
      names.map((name) => ({
        name,
        runbook: runbookOf({ name }),
        severities: alerts
          .filter((alert) => alert.name === name)
          .map(({ severity }) => severity)
          .join(', '),
      })),
    );
  });

  it('have one runbook each, of the same shape, and every runbook has an alert', () => {
    const wanted = new Set(alerts.map((alert) => `docs/runbooks/${runbookOf(alert)}.md`));
    expect(new Set(runbooks)).toEqual(wanted);
    for (const alert of alerts) {
      const text = readPage(`docs/runbooks/${runbookOf(alert)}.md`);
      expect(text).toMatch(new RegExp(`^# ${alert.name}\n`));
      for (const part of ['What it means', 'First look', 'Fix']) {
        expect(text).toContain(`\n## ${part}\n`);
      }
    }
  });

  it('ask for metrics that there are, on the pages too', () => {
    const known = new Set(documented().map(({ name }) => name));
    // The help of a histogram names the family; a query names its parts.
    const family = (name: string): string => name.replace(/_(bucket|count|sum)$/, '');
    const texts = [JSON.stringify(ruleFile()), ...runbooks.map(readPage)];
    const used = texts.flatMap((text) => [...text.matchAll(/(?<![\w:])headgate_\w+/g)]);
    expect(used.length).toBeGreaterThan(20);
    expect(used.map(([name]) => name).filter((name) => !known.has(family(name)))).toEqual([]);
  });

  it('name dashboards, panels and commands that there are', () => {
    const titles = new Set(
      dashboards.flatMap(({ title, rows }) => [
        title.replace(/^Headgate: (.)/, (_whole, first: string) => first.toUpperCase()),
        ...rows.flatMap(({ panels }) => panels.map((panel) => panel.title)),
        // A page of Prometheus itself.
        'Targets',
      ]),
    );
    const reference = pages().filter((name) => name.startsWith('docs/reference/command-line/'));
    const commands = reference.flatMap((name) => [
      ...readPage(name).matchAll(/^## `headgate (.+)`$/gm),
    ]);
    const known = new Set(commands.map(([, command]) => command!));
    const text = runbooks.map(readPage).join('\n');
    const shown = [...text.matchAll(/(?<!\*)\*([A-Z][^*]+)\*(?!\*)/g)].map(([, title]) => title!);
    expect(shown.length).toBeGreaterThan(5);
    expect(shown.filter((title) => !titles.has(title.replaceAll('\n', ' ')))).toEqual([]);
    const used = [...text.matchAll(/headgate ([a-z]+(?: [a-z]+)?)/g)].map(
      ([, command]) => command!,
    );
    expect(used.length).toBeGreaterThan(10);
    const isKnown = (command: string): boolean =>
      known.has(command) || known.has(command.split(' ')[0]!);
    expect(used.filter((command) => !isKnown(command))).toEqual([]);
  });
});
