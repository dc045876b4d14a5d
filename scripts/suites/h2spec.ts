/**
 * Puts h2spec, the conformance cases of HTTP/2 and HPACK, to the gate's own listener, in the clear and over
 * TLS. Says so, and exits 0, where Go is not here or h2spec cannot be fetched.
 *
 *     npm run test:h2spec
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { listen } from '../../src/http/listen.ts';
import { httpEngine } from '../../test/http-engine.ts';

const module = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const folder = mkdtempSync(path.join(tmpdir(), 'headgate-h2spec-'));
const bin = path.join(folder, 'h2spec');
const passTimeoutMs = 120_000;

/**
 * In the clear both versions of HTTP share the port: what does not begin as HTTP/2 is taken for HTTP/1.1, and
 * told in its words that it is none. The case expects the end of the connection without a word.
 */
const answeredAsHttp1 = 'Sends invalid connection preface';

function fetchSpec(): string | undefined {
  const env = { ...process.env, GOBIN: folder };
  if (spawnSync('go', ['version']).status !== 0) return 'it needs go';
  const { status } = spawnSync('go', ['install', module], { env, timeout: 120_000 });
  return status === 0 ? undefined : `go could not fetch ${module}`;
}

function makeCertificate(): { cert: string; key: string } | undefined {
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
  ];
  const { status } = spawnSync('openssl', [...args, '-keyout', key, '-out', cert, ...names]);
  return status === 0 ? { cert, key } : undefined;
}

/** Answers what a small server would: after the whole body, with some bytes. */
async function openListener(tls: { cert: string; key: string } | undefined) {
  return listen({
    address: { host: '127.0.0.1', port: 0 },
    tls,
    engine: httpEngine,
    handle: (call) =>
      call.receive({
        chunk: () => {},
        end: () => call.reply(200, { 'content-type': 'text/plain' }, 'hello, this is an answer'),
        cut: () => {},
      }),
    setting: 'none',
    idleTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    connectionsMax: 1000,
  });
}

async function run(name: string, tls: { cert: string; key: string } | undefined): Promise<void> {
  const listener = await openListener(tls);
  // Strict: with the cases that later RFCs made optional.
  const args = [
    '--strict',
    '--host',
    '127.0.0.1',
    '--port',
    String(listener.address.port),
    '--timeout',
    '5',
  ];
  if (tls !== undefined) args.push('--tls', '--insecure');
  const child = spawn(bin, args, { timeout: passTimeoutMs });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const totals = /^\d+ tests, .*$/mu.exec(output)?.[0];
  const failed = new Set([...output.matchAll(/^ *× \d+: (.*)$/gmu)].map((match) => match[1]!));
  const isKnown = tls === undefined && failed.delete(answeredAsHttp1);
  const note = isKnown ? ` ("${answeredAsHttp1}" is answered by HTTP/1.1)` : '';
  console.log(`test:h2spec: ${name}: ${totals ?? 'not ended in time'}${note}`);
  if (totals === undefined || failed.size > 0 || (status !== 0 && !isKnown)) {
    console.log(output);
    process.exitCode = 1;
  }
  await listener.close(100);
}

try {
  const reason = fetchSpec();
  if (reason !== undefined) console.log(`test:h2spec: skipped: ${reason}`);
  else {
    await run('in the clear', undefined);
    const tls = makeCertificate();
    if (tls === undefined) console.log('test:h2spec: over TLS: skipped: it needs openssl');
    else await run('over TLS', tls);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
