/**
 * Runs h2spec, the conformance cases of HTTP/2 and HPACK, against the gate's own listener, in the clear and over
 * TLS, twice: with the gate's router behind it, where the requests reach `POST /v1/track`, and with a handler
 * that answers when the whole body has arrived. Without Go, or where h2spec cannot be fetched, it prints that it
 * skips them and exits with 0.
 *
 *     npm run test:h2spec
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Listener, ListenOptions } from '../../src/http/listen.ts';
import { openGateListener, openListener } from '../../test/conformance/gate-listener.ts';
import { httpEngine } from '../../test/http-engine.ts';

type Tls = ListenOptions['tls'];

const module = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const folder = mkdtempSync(path.join(tmpdir(), 'headgate-h2spec-'));
const bin = path.join(folder, 'h2spec');
const passTimeoutMs = 120_000;

/**
 * In the clear both versions of HTTP share the port: what does not begin as HTTP/2 is taken for HTTP/1.1, and
 * refused in its format. The case expects the end of the connection without an answer.
 */
const answeredAsHttp1 = 'Sends invalid connection preface';

/**
 * Of nghttp2, which is below Node's servers. It passes over frames for streams that have ended and broken
 * PRIORITY frames, and ends the connection where one stream or nothing would do. Some depend on whether the
 * answer is out already, so they may also pass.
 */
const knownOfNode = [
  'half closed (remote): Sends a DATA frame',
  'half closed (remote): Sends a HEADERS frame',
  'closed: Sends a DATA frame after sending RST_STREAM frame',
  'closed: Sends a HEADERS frame after sending RST_STREAM frame',
  'closed: Sends a DATA frame',
  'closed: Sends a HEADERS frame',
  'Sends stream identifier that is numerically smaller than previous',
  'Sends PRIORITY frame that depend on itself',
  'Sends a PRIORITY frame with 0x0 stream identifier',
  'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state',
  'Sends a PING frame with ACK',
  'Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream',
];

function knownFailing(tls: Tls): ReadonlySet<string> {
  const ofEngine = httpEngine === 'node' ? knownOfNode : [];
  return new Set(tls === undefined ? [...ofEngine, answeredAsHttp1] : ofEngine);
}

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

interface Target {
  readonly name: string;
  readonly path: string;
  /** `onAnswered`: after each request that reached what the target is named for. */
  open(tls: Tls, onAnswered: () => void): Promise<Listener>;
}

const targets: readonly Target[] = [
  {
    name: 'the endpoint /v1/track',
    path: '/v1/track',
    open: (tls, onAnswered) => openGateListener(tls, 4 * 1024 * 1024, undefined, onAnswered),
  },
  {
    name: 'a handler of whole requests',
    path: '/',
    open: (tls, onAnswered) =>
      openListener(tls, {
        handle: (call) =>
          call.receive({
            chunk: () => {},
            end: () => {
              onAnswered();
              call.reply(200, { 'content-type': 'text/plain' }, 'hello, this is an answer');
            },
            cut: () => {},
          }),
      }),
  },
];

async function run({ name, path: url, open }: Target, tls: Tls): Promise<void> {
  let answered = 0;
  const listener = await open(tls, () => (answered += 1));
  // Strict: with the cases that later RFCs made optional.
  const args = ['--strict', '--host', '127.0.0.1', '--port', String(listener.address.port)];
  args.push('--path', url, '--timeout', '5');
  if (tls !== undefined) args.push('--tls', '--insecure');
  const child = spawn(bin, args, { timeout: passTimeoutMs });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const totals = /^\d+ tests, .*$/mu.exec(output)?.[0];
  const failed = new Set([...output.matchAll(/^ *× \d+: (.*)$/gmu)].map((match) => match[1]!));
  const known = knownFailing(tls);
  const surprises = [...failed].filter((each) => !known.has(each));
  const way = tls === undefined ? 'in the clear' : 'over TLS';
  const counts = `${totals ?? 'did not end in time'}, ${failed.size - surprises.length} of them known`;
  console.log(
    `test:h2spec: ${name}, ${way}: ${counts}; ${answered} requests reached it (engine: ${httpEngine})`,
  );
  const isGood = status === 0 || failed.size > 0;
  if (totals === undefined || !isGood || surprises.length > 0 || answered === 0) {
    console.log(output);
    process.exitCode = 1;
  }
  await listener.close(100);
}

try {
  const reason = fetchSpec();
  if (reason !== undefined) console.log(`test:h2spec: skipped: ${reason}`);
  else {
    await Promise.all(targets.map((target) => run(target, undefined)));
    const tls = makeCertificate();
    if (tls === undefined) console.log('test:h2spec: over TLS: skipped: it needs openssl');
    else await Promise.all(targets.map((target) => run(target, tls)));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
