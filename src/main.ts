import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Stripping the types of 150 files takes half of the start, and its compiler 20 MB for good. Both are
// saved from the second start on; where the folder cannot be written nothing is.
enableCompileCache(
  fileURLToPath(new URL('../node_modules/.headgate/compile-cache', import.meta.url)),
);

const { runProgram } = await import('./cli/program.ts');
await runProgram(['serve', ...process.argv.slice(2)], { env: process.env });
