import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// As in src/main.ts.
enableCompileCache(
  fileURLToPath(new URL('../../node_modules/.headgate/compile-cache', import.meta.url)),
);

const { runProgram } = await import('./program.ts');
await runProgram(process.argv.slice(2), { env: process.env });
