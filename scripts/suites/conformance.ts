/**
 * Runs the official conformance cases of Connect, gRPC and gRPC-Web against our listener, twice: with the
 * handlers of connect-node behind it, and with the gate's own router and its code for unary calls. What each
 * does otherwise is in `test/conformance/known-failing-*.txt`. Without Go, or where the cases cannot be
 * fetched, it prints that it skips them and exits with 0.
 *
 *     npm run test:conformance
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { parseExpectations } from '../../test/conformance/expectations.ts';
import { readResults, summaryOf, type Results } from '../../test/conformance/results.ts';
import { root } from '../../test/documentation/markdown.ts';
import { httpEngine } from '../../test/http-engine.ts';

const module = 'connectrpc.com/conformance@v1.0.7';
const casesOf = path.join(root, 'test', 'conformance');
const folder = mkdtempSync(path.join(tmpdir(), 'headgate-conformance-'));
const bin = path.join(folder, 'connectconformance');
const descriptors = path.join(folder, 'conformance.binpb');

/** A run takes 5 to 15 s; a case that hangs ends after 20 s by itself. */
const runTimeoutMs = 120_000;
const triesMax = 3;

const targets = [
  { name: 'the handlers of connect-node', server: 'connect-node' },
  { name: 'our unary endpoints', server: 'unary' },
] as const;
type Target = (typeof targets)[number];

/** Returns why there are no cases; undefined: they are here. */
function fetchCases(): string | undefined {
  const env = { ...process.env, GOBIN: folder };
  if (spawnSync('go', ['version']).status !== 0) return 'it needs go';
  const install = ['install', `${module.replace('@', '/cmd/connectconformance@')}`];
  if (spawnSync('go', install, { env, timeout: 120_000 }).status !== 0)
    return `go could not fetch ${module}`;
  const found = spawnSync('go', ['mod', 'download', '-json', module], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (found.status !== 0) return `go could not fetch ${module}`;
  const { Dir } = JSON.parse(found.stdout) as { Dir: string };
  const buf = path.join(root, 'node_modules', '.bin', 'buf');
  const build = spawnSync(buf, ['build', path.join(Dir, 'proto'), '-o', descriptors], {
    encoding: 'utf8',
  });
  if (build.status !== 0)
    throw new Error(`buf could not read the protos of ${module}: ${build.stderr}`);
  return undefined;
}

function runCases({ server }: Target): { results: Results; output: string } {
  const file = path.join(casesOf, `known-failing-${server}.txt`);
  const expectations = parseExpectations(readFileSync(file, 'utf8'));
  const args = ['-v', '--mode', 'server', '--max-servers', '1', '--parallel', '8'];
  args.push('--conf', path.join(casesOf, `config-${server}.yaml`));
  for (const pattern of expectations.failing) args.push('--known-failing', pattern);
  for (const pattern of expectations.flaky) args.push('--known-flaky', pattern);
  for (const pattern of expectations.skip) args.push('--skip', pattern);
  args.push('--', process.execPath, path.join(casesOf, 'server.ts'), descriptors, server);
  const options = { encoding: 'utf8', timeout: runTimeoutMs, maxBuffer: 64 * 1024 * 1024 } as const;
  const { status, stdout, stderr } = spawnSync(bin, args, options);
  const output = `${stdout}${stderr}`;
  return { results: readResults(output, status === 0, expectations), output };
}

/**
 * Over HTTP/1.1 a call in thousands hangs, another each time and with Node's own server, too: the client of
 * the cases never sends it. With it the rest of its server's cases does not run.
 */
function run(target: Target): void {
  for (let tries = 1; ; tries += 1) {
    const { results, output } = runCases(target);
    console.log(`test:conformance: ${target.name}: ${summaryOf(results)} (engine: ${httpEngine})`);
    if (results.verdict === 'passed') return;
    if (results.verdict === 'failed' || tries === triesMax) {
      console.log(results.surprises.join('\n') || output);
      process.exitCode = 1;
      return;
    }
    console.log(`test:conformance: ${target.name}: once more, because calls of the client hung`);
  }
}

try {
  const reason = fetchCases();
  if (reason === undefined) for (const target of targets) run(target);
  else console.log(`test:conformance: skipped: ${reason}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
