import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Stripping the types of 150 files takes half of the start, and its compiler keeps 20 MB. The cache saves
// both from the second start on. Where its folder cannot be written, nothing changes.
enableCompileCache(
  fileURLToPath(new URL('../node_modules/.headgate/compile-cache', import.meta.url)),
);

const { runProgram } = await import('./cli/program.ts');
await runProgram(['serve', ...process.argv.slice(2)], { env: process.env });
