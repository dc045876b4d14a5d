/**
 * Sends requests that are refused before their bodies have arrived by the HTTP clients of Go, Java, Node,
 * Python and curl, 20 times each, over HTTP/1.1 and HTTP/2, in the clear and over TLS, on both HTTP engines.
 * `npm test` runs a selection. A client that is not here is skipped and named.
 *
 *     npm run test:http-clients
 */
import { spawnSync } from 'node:child_process';

for (const engine of ['own', 'node']) {
  const env = { ...process.env, HEADGATE_HTTP_CLIENTS: 'full', HEADGATE_HTTP_ENGINE: engine };
  const args = ['run', 'test/http-clients', ...process.argv.slice(2)];
  const { status } = spawnSync('vitest', args, { stdio: 'inherit', env });
  if (status !== 0) process.exitCode = status ?? 1;
}
