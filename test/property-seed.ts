import * as fc from 'fast-check';

/*
 * The same generated cases in every run, so that a change is validated by what it changed; `npm run
 * fuzz` looks for new ones, and prints the seed of what it finds.
 */
const { FUZZ_SEED } = process.env;
if (FUZZ_SEED !== 'random') fc.configureGlobal({ seed: Number(FUZZ_SEED ?? 20_260_301) });
