import { runProgram } from './cli/program.ts';

await runProgram(['serve', ...process.argv.slice(2)], { env: process.env });
