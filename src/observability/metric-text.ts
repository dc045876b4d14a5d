import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Registry } from 'prom-client';

/**
 * A metric that writes its own lines, one series after the other. prom-client makes the text of a
 * metric in one piece, which holds up the event loop for as long as that takes: half a second for
 * 100,000 series.
 */
export interface LineMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** The lines of all series, without line ends. The caller may pause between two lines. */
  lines(): Iterable<string>;
}

/** How long one turn of the event loop renders before everything else has its turn. */
const sliceMs = 1;
/** Lines between two looks at the clock. */
const linesPerLook = 64;
/** Characters of one part of the page. */
const partCharacters = 64 * 1024;

/**
 * Renders the page for Prometheus in parts of about 64 KiB, in the text format 0.0.4. It is the text of
 * `registry.metrics()`, but it lets the event loop turn about every millisecond, and holds one part at
 * a time. Counters go on counting meanwhile.
 */
export async function* renderMetrics(registry: Registry): AsyncGenerator<string> {
  let part = '';
  let sliceEnds = performance.now() + sliceMs;
  let isFirst = true;
  for (const metric of registry.getMetricsAsArray() as unknown as Iterable<
    { name: string } | LineMetric
  >) {
    if (!isFirst) part += '\n';
    isFirst = false;
    if (!('lines' in metric)) {
      part += `${await registry.getSingleMetricAsString(metric.name)}\n`;
      continue;
    }
    part += `# HELP ${metric.name} ${escapeHelp(metric.help)}\n# TYPE ${metric.name} ${metric.type}\n`;
    let lines = 0;
    for (const line of metric.lines()) {
      part += `${line}\n`;
      lines += 1;
      if (lines % linesPerLook !== 0) continue;
      if (part.length >= partCharacters) {
        yield part;
        part = '';
      }
      if (performance.now() < sliceEnds) continue;
      await nextTurn();
      sliceEnds = performance.now() + sliceMs;
    }
  }
  yield part;
}

/** The text of a value: https://prometheus.io/docs/instrumenting/exposition_formats/. */
export function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'Nan';
  return value < 0 ? '-Inf' : '+Inf';
}

/** `name="value",...` in the order of the labels; empty without labels. */
export function labelsText(labels: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(String(value))}"`)
    .join(',');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(value: string): string {
  return escapeHelp(value).replaceAll('"', '\\"');
}
