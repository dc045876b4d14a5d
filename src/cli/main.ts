import { enableCompileCache } from 'node:module';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

/** The commands that work through many events or rows. */
const longReaders: ReadonlySet<string | undefined> = new Set([
  'archive',
  'query',
  'reconcile',
  'schemas',
  'tables',
  'transform',
]);

const args = process.argv.slice(2);
// On the machine of a gate producers come first. Where processors are idle this changes nothing.
if (longReaders.has(args[0])) os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);

// As in src/main.ts.
enableCompileCache(
  fileURLToPath(new URL('../../node_modules/.headgate/compile-cache', import.meta.url)),
);

const { runProgram } = await import('./program.ts');
await runProgram(args, { env: process.env });
