import { openBench } from './measures.ts';
import { pinning } from './processes.ts';

/*
 * npm run bench [-- --json] [--rounds 3] [--seconds 3]
 *
 * Measures everything in one run, interleaved, in several rounds, and prints ratios with their
 * range. The machine may be noisy, so only ratios of measures that are seconds apart are
 * meaningful.
 */
const args = process.argv.slice(2);
const numberAfter = (name: string, defaultValue: number): number => {
  const at = args.indexOf(name);
  return at === -1 ? defaultValue : Number(args[at + 1]);
};
const asJson = args.includes('--json');
const rounds = numberAfter('--rounds', 3);
const seconds = numberAfter('--seconds', 3);

const bench = await openBench(seconds);
try {
  for (let round = 1; round <= rounds; round += 1) {
    console.error(`round ${round} of ${rounds} (${pinning})`);
    await bench.round();
  }
} finally {
  await bench.stop();
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const rows = [...bench.measures.values()].map(({ name, floor, ratios, shown }) => ({
  name,
  ratio: Number(median(ratios).toFixed(3)),
  floor,
  min: Number(Math.min(...ratios).toFixed(3)),
  max: Number(Math.max(...ratios).toFixed(3)),
  shown: shown[ratios.indexOf(median(ratios))] ?? '',
}));

if (asJson) {
  console.log(JSON.stringify(rows.map(({ shown: _shown, ...row }) => row)));
} else {
  for (const row of rows) {
    const verdict = row.ratio >= row.floor ? 'ok  ' : 'LOW ';
    console.log(`${verdict} ${row.name}`);
    console.log(
      `       ratio ${row.ratio} (${row.min} to ${row.max}), floor ${row.floor}; ${row.shown}`,
    );
  }
  for (const [name, values] of bench.extras) console.log(`       ${name}: ${values.join(', ')}`);
}
