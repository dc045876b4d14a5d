import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the build, where scripts/build/for-tests.ts made one. */
export const buildVariable = 'TESTED_HEADGATE_BUILD';

const root = fileURLToPath(new URL('../', import.meta.url));

/**
 * The file that Node runs for `headgate`: the build, as users have it, because its start takes half of the processor
 * time, and the tests start it some thousand times. The source, where no build was made: outside of the tests.
 */
export function programFile(): string {
  const folder = process.env[buildVariable];
  return folder === undefined
    ? path.join(root, 'bin/headgate.js')
    : path.join(folder, 'headgate.js');
}
