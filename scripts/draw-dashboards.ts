/**
 * Draws docs/images/headgate-*.svg: every panel of every dashboard, by its own queries, from some minutes
 * of a real service with real traffic under a real Prometheus. Needs both (scripts/install/prometheus.sh).
 *
 *     node scripts/draw-dashboards.ts [minutes]
 *
 * Meanwhile the destination crm is away for a while, and later a producer's deploy goes wrong.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { drawDashboard, type Line } from '../test/dashboards/draw.ts';
import {
  chosen,
  startObservedService,
  type ObservedService,
} from '../test/dashboards/observed-service.ts';
import { committedDashboards, expand, type GrafanaPanel } from '../test/dashboards/queries.ts';
import { whyNotWith } from '../test/alerts/tools.ts';

const images = new URL('../docs/images/', import.meta.url);
const steps = 60;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

async function live(observed: ObservedService, minutes: number): Promise<void> {
  const start = performance.now();
  const length = minutes * 60_000;
  for (;;) {
    const done = (performance.now() - start) / length;
    if (done >= 1) return;
    observed.away = done > 0.3 && done < 0.45;
    await observed.send(Math.round(6 + 4 * Math.sin(done * 9)), {
      bad: done > 0.7 ? 4 : (done * 100) % 9 < 1 ? 1 : 0,
    });
    await sleep(200);
  }
}

async function linesOf(
  observed: ObservedService,
  panel: GrafanaPanel,
  from: number,
  to: number,
): Promise<Line[]> {
  const step = (to - from) / (steps - 1);
  const lines: Line[] = [];
  for (const { expr, legendFormat } of panel.targets ?? []) {
    const { result } = await observed.prometheus.ask<{ result: Series[] }>('query_range', {
      query: expand(expr, chosen),
      start: String(from),
      end: String(to),
      step: String(step),
    });
    for (const { metric, values } of result) {
      const points = Array.from<number | undefined>({ length: steps });
      for (const [seconds, value] of values) {
        if (Number.isFinite(Number(value)))
          points[Math.round((seconds - from) / step)] = Number(value);
      }
      const name = legendFormat.replaceAll(
        /\{\{(\w+)\}\}/g,
        (_whole, label: string) => metric[label] ?? '',
      );
      lines.push({ name, points });
    }
  }
  return lines;
}

async function main(): Promise<void> {
  if (whyNotWith('prometheus', 'promtool') !== undefined) return;
  const minutes = Number(process.argv[2] ?? 5);
  await using observed = await startObservedService(1000);
  const from = Date.now() / 1000;
  await live(observed, minutes);
  const to = Date.now() / 1000;
  mkdirSync(images, { recursive: true });
  for (const dashboard of committedDashboards()) {
    const lines = new Map<number, Line[]>();
    for (const panel of dashboard.panels) {
      lines.set(panel.id, await linesOf(observed, panel, from, to));
    }
    const caption = `${minutes} minutes of a real run`;
    const picture = drawDashboard(dashboard, caption, ({ id }) => lines.get(id)!);
    writeFileSync(new URL(`${dashboard.uid}.svg`, images), picture);
    console.log(`docs/images/${dashboard.uid}.svg`);
  }
}

await main();
