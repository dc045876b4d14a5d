import type { GrafanaDashboard, GrafanaPanel } from './queries.ts';

/** A line of a panel; the points are at even steps, undefined where there was none. */
export interface Line {
  readonly name: string;
  readonly points: readonly (number | undefined)[];
}

const columnWidth = 40;
const rowHeight = 26;
const head = 34;
const gap = 4;
const colors = [
  '#3b6fd4',
  '#2a9d5c',
  '#d9822b',
  '#b0413e',
  '#7d4fb5',
  '#2b97a8',
  '#8a8d2f',
  '#c2558c',
];
/** More lines than these are not told apart in a picture. */
const linesMax = colors.length;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const text = (
  x: number,
  y: number,
  size: number,
  fill: string,
  what: string,
  anchor = 'start',
): string =>
  `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}" text-anchor="${anchor}">${escape(what)}</text>`;

const scaled = (value: number, steps: readonly (readonly [number, string])[]): string => {
  const [by, unit] = steps.find(([from]) => Math.abs(value) >= from) ?? steps.at(-1)!;
  return `${Number((value / by).toPrecision(3))}${unit}`;
};

/** A figure with its unit, as Grafana would show it. */
export function format(value: number, unit: string): string {
  if (unit === 'percentunit') return `${Number((value * 100).toPrecision(3))}%`;
  if (unit === 'eps') return `${Number(value.toPrecision(3))}/s`;
  if (unit === 's')
    return value === 0
      ? '0 s'
      : scaled(value, [
          [60, ' min'],
          [1, ' s'],
          [0.001, ' ms'],
        ]);
  if (unit === 'bytes')
    return scaled(value, [
      [1048576, ' MiB'],
      [1024, ' KiB'],
      [1, ' B'],
    ]);
  return scaled(value, [
    [1000, 'k'],
    [1, ''],
  ]);
}

/** One SVG, with the panels where Grafana has them. */
export function drawDashboard(
  dashboard: GrafanaDashboard,
  caption: string,
  linesOf: (panel: GrafanaPanel) => readonly Line[],
): string {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const [width, height] = [24 * columnWidth, head + bottom * rowHeight];
  const parts = dashboard.panels.map((panel) =>
    panel.type === 'row' ? drawRow(panel) : drawPanel(panel, linesOf(panel)),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#f4f5f7"/>`,
    text(8, 22, 16, '#222', dashboard.title),
    text(width - 8, 22, 11, '#666', caption, 'end'),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function drawRow({ gridPos, title }: GrafanaPanel): string {
  return text(8, head + gridPos.y * rowHeight + 18, 13, '#444', title);
}

function drawPanel(panel: GrafanaPanel, lines: readonly Line[]): string {
  const { gridPos, title, type } = panel;
  const x = gridPos.x * columnWidth + gap;
  const y = head + gridPos.y * rowHeight + gap;
  const width = gridPos.w * columnWidth - 2 * gap;
  const height = gridPos.h * rowHeight - 2 * gap;
  const unit = panel.fieldConfig.defaults.unit;
  const shown = lines.slice(0, linesMax);
  const box = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="3" fill="#fff" stroke="#ddd"/>`;
  const parts = [box, text(x + 8, y + 16, 12, '#333', title)];
  if (type === 'stat') {
    const last = shown[0]?.points.findLast((point) => point !== undefined);
    const figure = last === undefined ? '-' : format(last, unit);
    parts.push(text(x + width / 2, y + height / 2 + 16, 26, '#222', figure, 'middle'));
    return parts.join('\n');
  }
  const area = { x: x + 58, y: y + 26, width: width - 70, height: height - 58 };
  const top = Math.max(...shown.flatMap(({ points }) => points.map((point) => point ?? 0)), 0) || 1;
  const grey = '#888';
  for (const share of [0, 0.5, 1]) {
    const at = Math.round(area.y + area.height * (1 - share));
    parts.push(
      `<path d="M${area.x} ${at}h${area.width}" stroke="#eee"/>`,
      text(area.x - 6, at + 4, 10, grey, format(top * share, unit), 'end'),
    );
  }
  shown.forEach(({ points }, index) => {
    parts.push(
      `<path d="${pathOf(points, top, area)}" fill="none" stroke="${colors[index]}" stroke-width="1.5"/>`,
    );
  });
  parts.push(drawLegend(shown, area.x - 50, y + height - 10, width - 16));
  return parts.join('\n');
}

function pathOf(
  points: Line['points'],
  top: number,
  area: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): string {
  let isDown = false;
  return points
    .map((point, index) => {
      if (point === undefined) {
        isDown = false;
        return '';
      }
      const x = Math.round(area.x + (area.width * index) / (points.length - 1));
      const y = Math.round(area.y + area.height * (1 - point / top));
      const step = `${isDown ? 'L' : 'M'}${x} ${y}`;
      isDown = true;
      return step;
    })
    .join('');
}

function drawLegend(lines: readonly Line[], x: number, y: number, width: number): string {
  const parts: string[] = [];
  let at = x;
  for (const [index, { name }] of lines.entries()) {
    const needed = 22 + name.length * 5.6;
    if (at + needed > x + width) break;
    parts.push(
      `<rect x="${Math.round(at)}" y="${y - 7}" width="8" height="3" fill="${colors[index]}"/>`,
      text(Math.round(at) + 12, y, 10, '#555', name),
    );
    at += needed;
  }
  return parts.join('\n');
}
