/**
 * Runs the suites of requests and answers on Node's servers instead of ours (`http.engine: node`). Folders
 * given as arguments replace the list below; any other argument goes to vitest.
 *
 *     npm run test:engine-node
 *     npm run test:engine-node -- test/protocol -t trailers
 */
import { spawnSync } from 'node:child_process';

const suites = [
  'test/protocol',
  'test/endpoints',
  'test/vendors',
  'test/differential',
  'test/http2',
  'test/processes',
];

const args = process.argv.slice(2);
const chosen = args.some((arg) => arg.startsWith('test/')) ? [] : suites;
const env = { ...process.env, HEADGATE_HTTP_ENGINE: 'node' };
const { status } = spawnSync('vitest', ['run', ...chosen, ...args], { stdio: 'inherit', env });
process.exitCode = status ?? 1;
