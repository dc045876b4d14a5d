/**
 * Puts the official conformance cases of Connect to our listener with connect-node behind it
 * (`test/conformance`). Says so, and exits 0, where Go is not here or the cases cannot be fetched.
 *
 *     npm run test:conformance
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { root } from '../../test/documentation/markdown.ts';

const module = 'connectrpc.com/conformance@v1.0.7';
const casesOf = path.join(root, 'test', 'conformance');
const folder = mkdtempSync(path.join(tmpdir(), 'headgate-conformance-'));
const bin = path.join(folder, 'connectconformance');
const descriptors = path.join(folder, 'conformance.binpb');

/** One pass has this long; a case that hangs ends after 20 s by itself. */
const passTimeoutMs = 40_000;

interface Pass {
  readonly name: string;
  readonly cases: string;
}

const passes: readonly Pass[] = [
  { name: 'gRPC over HTTP/2', cases: '**/HTTPVersion:2/Protocol:PROTOCOL_GRPC/**' },
  { name: 'Connect over HTTP/1.1', cases: '**/HTTPVersion:1/Protocol:PROTOCOL_CONNECT/**' },
];

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

function put(cases: readonly string[]): { isGood: boolean; output: string } {
  const known = path.join(casesOf, 'known-failing.txt');
  const args = ['--mode', 'server', '--max-servers', '1', '--parallel', '8', '--skip', `@${known}`];
  args.push(
    '--conf',
    path.join(casesOf, 'config.yaml'),
    ...cases.flatMap((name) => ['--run', name]),
  );
  args.push('--', process.execPath, path.join(casesOf, 'server.ts'), descriptors);
  const options = {
    encoding: 'utf8',
    timeout: passTimeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  } as const;
  const { status, stdout, stderr } = spawnSync(bin, args, options);
  return { isGood: status === 0, output: `${stdout}${stderr}` };
}

/** Over HTTP/1.1 a few calls in hundreds hang, others each time, with Node's own server too. */
const hung = /^FAILED: (\S.*):\n\tfailed to get result from client: timed out waiting/gmu;

function run({ name, cases }: Pass): void {
  const first = put([cases]);
  const totals = first.output
    .match(/^Total cases:[^]*/mu)?.[0]
    .trim()
    .replaceAll('\n', '; ');
  console.log(`test:conformance: ${name}: ${totals ?? 'not ended in time'}`);
  if (first.isGood) return;
  const again = [...first.output.matchAll(hung)].map((match) => match[1]!);
  const failed = first.output.match(/^FAILED: /gmu)?.length ?? 0;
  const isWhole = totals !== undefined && !totals.includes('could not be run');
  if (isWhole && failed > 0 && failed === again.length) {
    console.log(`test:conformance: ${name}: hung, and put once more:\n  ${again.join('\n  ')}`);
    if (put(again).isGood) return;
    console.log(`test:conformance: ${name}: hung again`);
  }
  console.log(first.output);
  process.exitCode = 1;
}

try {
  const reason = fetchCases();
  if (reason === undefined) for (const pass of passes) run(pass);
  else console.log(`test:conformance: skipped: ${reason}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
