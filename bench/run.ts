import { openBench } from './measures.ts';
import { pinning } from './processes.ts';
import { exitCodeOf, resultOf } from './results.ts';
import { hasOption, numberAfter } from './script/options.ts';

/*
 * npm run bench [-- --json] [--rounds 3] [--seconds 3]
 *
 * Measures everything in one run, interleaved, in several rounds, and prints ratios with their
 * range. The machine may be noisy, so only ratios of measures that are seconds apart are
 * meaningful. Exits with 1 if a ratio is below its floor.
 */
const asJson = hasOption('--json');
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

const results = [...bench.measures.values()].map(resultOf);
process.exitCode = exitCodeOf(results);

if (asJson) {
  console.log(
    JSON.stringify(
      results.map(({ name, ratio, floor, min, max }) => ({ name, ratio, floor, min, max })),
    ),
  );
} else {
  for (const { name, ratio, floor, min, max, isLow, shown } of results) {
    console.log(`${isLow ? 'LOW ' : 'ok  '} ${name}`);
    console.log(`       ratio ${ratio} (${min} to ${max}), floor ${floor}; ${shown}`);
  }
  for (const [name, values] of bench.extras) console.log(`       ${name}: ${values.join(', ')}`);
}
