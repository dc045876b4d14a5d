import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startRealService, type RealService } from '../real-service.ts';
import { readPage } from './markdown.ts';

const page = readPage('docs/observability.md');

/** One row of the page's table of metrics. */
interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labels: string;
  readonly meaning: string;
}

const rowPattern = /^\| `(headgate_\w+)` \| (counter|gauge|histogram) \|(.*?)\| (.*?) \|$/gm;

function documented(): Metric[] {
  return [...page.matchAll(rowPattern)].map(([, name, type, labels, meaning]) => ({
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

describe('docs/observability.md', () => {
  let real: RealService;
  let metrics: Metric[];

  beforeAll(async () => {
    real = await startRealService();
    metrics = exposed(await (await fetch(`${real.adminUrl}/metrics`)).text());
  });

  afterAll(() => real[Symbol.asyncDispose]());

  it('lists every metric as the code has it, and no other', () => {
    const byName = (one: Metric, other: Metric): number => (one.name < other.name ? -1 : 1);
    expect(metrics.length).toBeGreaterThan(10);
    expect(documented().toSorted(byName)).toEqual(metrics.toSorted(byName));
  });
});
