import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { httpEngine } from '../http-engine.ts';
import { order } from './sample-events.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-follow-'));
const at = (name: string): string => path.join(folder, name);
const openssl = (...args: string[]): void =>
  void execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A CA and a certificate of it: `<name>.pem`, `<name>.key`; of itself without a CA. */
function makeCertificate(name: string, ca?: string): void {
  const signer = ca === undefined ? [] : ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const out = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
  openssl('req', '-x509', ...ec, '-days', '1', ...names, ...signer, ...out);
}

function hasOpenssl(): boolean {
  try {
    for (const name of ['one', 'two', 'ca', 'other']) makeCertificate(name);
    makeCertificate('caller', 'ca');
    return true;
  } catch (error) {
    console.warn(`not tested: openssl makes no certificates (${(error as Error).message})`);
    return false;
  }
}

/** As Kubernetes mounts files: names are links into `..data`, and that is a link that is swapped. */
let swaps = 0;
function mount(files: Readonly<Record<string, string>>): void {
  const name = `..${(swaps += 1)}`;
  mkdirSync(at(`mount/${name}`), { recursive: true });
  for (const [file, text] of Object.entries(files))
    writeFileSync(at(`mount/${name}/${file}`), text);
  symlinkSync(name, at('mount/..new'));
  renameSync(at('mount/..new'), at('mount/..data'));
  for (const file of Object.keys(files)) {
    rmSync(at(`mount/${file}`), { force: true });
    symlinkSync(`..data/${file}`, at(`mount/${file}`));
  }
}

const pem = (name: string): string => readFileSync(at(name), 'utf8');
const yaml = (keys: readonly string[], rest = ''): string =>
  [
    'auth: keys',
    'keys:',
    ...keys.map((key) => `  - { source: shop, hash: "${hashWriteKey(key)}" }`),
    `tls: { cert: ${at('mount/cert.pem')}, key: ${at('mount/key.pem')} }`,
    rest,
  ].join('\n');
const mounted = (keys: readonly string[], name: string, rest?: string) => ({
  'headgate.yaml': yaml(keys, rest),
  'cert.pem': pem(`${name}.pem`),
  'key.pem': pem(`${name}.key`),
});

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly adminPort: number;
  readonly output: () => string;
}

async function serve(env: Readonly<Record<string, string>>): Promise<Running> {
  const child = spawn(process.execPath, ['src/main.ts'], {
    env: {
      ...process.env,
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_TOKEN: 'a-token-of-this-test',
      HEADGATE_HTTP_ENGINE: httpEngine,
      HEADGATE_SHUTDOWN_GRACE: '500ms',
      HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const portOf = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
  await vi.waitFor(() => expect(output).toMatch(/Metrics and health: .*metrics/), 20_000);
  return {
    child,
    port: portOf(/takes events on https:\/\/127\.0\.0\.1:(\d+)/),
    adminPort: portOf(/Metrics and health: http:\/\/127\.0\.0\.1:(\d+)/),
    output: () => output,
  };
}

async function stop({ child }: Running): Promise<void> {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
}

const track = (port: number, key: string, agent: https.Agent | false = false): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'x-write-key': key };
    const options = { host: '127.0.0.1', port, path: '/v1/track', method: 'POST', agent, headers };
    const sent = https.request({ ...options, rejectUnauthorized: false }, (answer) =>
      answer.resume().on('end', () => resolve(answer.statusCode!)),
    );
    sent.on('error', reject);
    sent.end(JSON.stringify(order()));
  });

/** The common name of the certificate that a new handshake gets, or the error's code. */
const handshake = (port: number, options: tls.ConnectionOptions = {}): Promise<string> =>
  new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
    // With TLS 1.3 a server refuses the client's certificate after the client is done.
    socket.on('secureConnect', () => {
      const { CN } = socket.getPeerCertificate().subject;
      socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
      socket.once('data', () => {
        resolve(String(CN));
        socket.destroy();
      });
    });
  });

describe.skipIf(!hasOpenssl())('files that the gate follows', () => {
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe.each(['1', '2'])('with %s processes', (processes) => {
    let running: Running;
    beforeAll(async () => {
      mount(mounted(['key-one', 'key-two'], 'one'));
      running = await serve({
        HEADGATE_CONFIG: at('mount/headgate.yaml'),
        HEADGATE_PROCESSES: processes,
        HEADGATE_CANARY_INTERVAL: '1s',
        HEADGATE_DATA_DIR: at(`data-${processes}`),
      });
    }, 30_000);
    afterAll(() => stop(running));

    test('a new certificate is served, and a removed key refused, on open connections too', async () => {
      const { port } = running;
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
      expect(await track(port, 'key-one', agent)).toBe(202);
      expect(await handshake(port)).toBe('one');
      mount(mounted(['key-two'], 'two'));
      await sleep(1_000);
      expect(await track(port, 'key-one', agent)).toBe(401);
      expect(await track(port, 'key-two', agent)).toBe(202);
      agent.destroy();
      const served = await Promise.all(Array.from({ length: 6 }, () => handshake(port)));
      expect(new Set(served)).toEqual(new Set(['two']));
    });

    test('what cannot be used is reported, and the old stays', async () => {
      const { port, adminPort } = running;
      mount({ ...mounted(['key-two'], 'two'), 'key.pem': pem('one.key') });
      await expect.poll(running.output).toMatch(/"what":"certificate".*the old one stays/);
      mount({ ...mounted([], 'two'), 'headgate.yaml': 'auth: [keys' });
      await expect.poll(running.output).toMatch(/"what":"configuration".*the old one stays/);
      expect(await handshake(port)).toBe('two');
      expect(await track(port, 'key-two')).toBe(202);
      // Heartbeats trust the certificate in force, not the one of the file.
      mount({ ...mounted(['key-two'], 'one'), 'key.pem': pem('two.key') });
      await sleep(3_000);
      const page = await fetch(`http://127.0.0.1:${adminPort}/metrics`, {
        headers: { authorization: 'Bearer a-token-of-this-test' },
      });
      const text = await page.text();
      expect(text).toMatch(/headgate_reload_total\{what="certificate",outcome="failed"\} [1-9]/);
      expect(text).toMatch(/headgate_reload_total\{what="configuration",outcome="failed"\} [1-9]/);
      expect(text).toMatch(/headgate_canary_total\{outcome="accepted"\} [1-9]/);
      expect(text).toMatch(/headgate_canary_total\{outcome="failed"\} 0/);
      expect(text).toMatch(/headgate_certificate_expires_timestamp_seconds 1\.?\d{9}/);
    });

    test('SIGHUP reads again and ends nothing; other settings are named', async () => {
      mount(mounted(['key-two', 'key-three'], 'two', 'log_level: warn'));
      running.child.kill('SIGHUP');
      await expect.poll(running.output).toMatch(/"settings":\["logLevel"\].*restart to apply/);
      await expect.poll(() => track(running.port, 'key-three')).toBe(202);
      expect(running.child.exitCode).toBeNull();
    });
  });

  test('handshakes below the lowest version and without the right certificate fail', async () => {
    const certificateOf = (name: string) => ({ cert: pem(`${name}.pem`), key: pem(`${name}.key`) });
    const base = { HEADGATE_DATA_DIR: at('data-tls'), HEADGATE_CONFIG: at('mount/headgate.yaml') };
    const client = { HEADGATE_TLS_CLIENT_CA: at('ca.pem'), HEADGATE_TLS_MIN_VERSION: '1.3' };
    mount(mounted(['key'], 'one'));
    const strict = await serve({ ...base, ...client, HEADGATE_TLS_CLIENT_AUTH: 'required' });
    const right = certificateOf('caller');
    expect(await handshake(strict.port, right)).toBe('one');
    expect(await handshake(strict.port, { ...right, maxVersion: 'TLSv1.2' })).not.toBe('one');
    expect(await handshake(strict.port)).not.toBe('one');
    expect(await handshake(strict.port, certificateOf('other'))).not.toBe('one');
    await stop(strict);
    const optional = await serve({
      ...base,
      HEADGATE_TLS_CLIENT_CA: at('ca.pem'),
      HEADGATE_TLS_CLIENT_AUTH: 'optional',
    });
    expect(await handshake(optional.port)).toBe('one');
    expect(await handshake(optional.port, right)).toBe('one');
    expect(await handshake(optional.port, { ...right, maxVersion: 'TLSv1.2' })).toBe('one');
    expect(await handshake(optional.port, certificateOf('other'))).not.toBe('one');
    await stop(optional);
  }, 60_000);
});
