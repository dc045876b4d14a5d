export interface SparklineProps {
  /** What the line shows, with its last values: for those who do not see it. */
  readonly label: string;
  readonly values: readonly number[];
  /** A second, faint line on the same scale: last week. */
  readonly before?: readonly number[];
  readonly tone?: 'accent' | 'bad' | 'warn';
}

const width = 240;
const height = 44;

/** A small chart without axes: the shape of some hours. */
export function Sparkline({ label, values, before = [], tone = 'accent' }: SparklineProps) {
  const top = Math.max(1, ...values, ...before);
  const line = pointsOf(values, top);
  return (
    <svg
      class={`sparkline ${tone}`}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {values.length > 1 && (
        <polygon class="area" points={`0,${height} ${line} ${width},${height}`} />
      )}
      {before.length > 1 && <polyline class="before" points={pointsOf(before, top)} />}
      <polyline class="line" points={line} />
    </svg>
  );
}

function pointsOf(values: readonly number[], top: number): string {
  const step = width / Math.max(1, values.length - 1);
  return values
    .map((value, index) => {
      const y = height - 2 - (value / top) * (height - 4);
      return `${(index * step).toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}
