import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, onTestFinished, test } from 'vitest';

import { killHard, prepareGate, until } from '../crash/gate-process.ts';
import { gateProcessesOf, scrape, total, untilServing } from './gate-processes.ts';

const schemas = fileURLToPath(new URL('../../schemas', import.meta.url));
const key = 'a-write-key-of-this-test';

/** A gate process gets everything from the first one: certificate, keys, contracts, limits. */
test('passes TLS, write keys and contracts to gate processes and their replacements', async (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-processes-'));
  onTestFinished(() =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  );
  const tls = makeCertificate(folder);
  if (tls === undefined) return context.skip('openssl cannot make a certificate');
  const schemasDir = path.join(folder, 'schemas');
  cpSync(schemas, schemasDir, { recursive: true });
  const hash = `sha256:${createHash('sha256').update(key).digest('hex')}`;
  await using gate = await prepareGate({
    env: {
      HEADGATE_PROCESSES: '2',
      HEADGATE_TLS_CERT: tls.cert,
      HEADGATE_TLS_KEY: tls.key,
      HEADGATE_SCHEMAS_DIR: schemasDir,
      HEADGATE_AUTH: 'keys',
    },
    yaml: () => `keys: [{ source: checkout, hash: "${hash}", events: ["order_*"] }]\n`,
  });
  const run = await gate.start();
  await untilServing(gate, 2);
  const url = gate.url.replace('http:', 'https:');
  const ca = readFileSync(tls.cert);
  // The first process reads them once: a replacement validates like the other processes.
  rmSync(schemasDir, { recursive: true });
  for (let round = 0; round < 2; round += 1) {
    for (let connection = 0; connection < 4; connection += 1) {
      expect(await trackHttp1(url, ca, order({}), key)).toBe(202);
      expect(await trackHttp2(url, ca, order({}), key)).toBe(202);
      expect(await trackHttp1(url, ca, order({ properties: {} }), key)).toBe(422);
      expect(await trackHttp1(url, ca, order({ event_name: 'user_signed_up' }), key)).toBe(403);
      expect(await trackHttp1(url, ca, order({}), 'another')).toBe(401);
    }
    if (round === 0) {
      for (const each of gateProcessesOf(run.processId)) killHard(each);
      await until(
        async () => total(await scrape(gate), 'headgate_gate_processes'),
        (running) => running < 2,
      );
      await untilServing(gate, 2);
    }
  }
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
});

function order(over: Record<string, unknown>): string {
  return JSON.stringify({
    event_name: 'order_completed',
    user_id: 'u-1',
    idempotency_key: randomUUID(),
    properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
    ...over,
  });
}

function makeCertificate(folder: string): { cert: string; key: string } | undefined {
  const files = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
  const kind = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1'.split(' ');
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  try {
    const args = ['req', ...kind, ...names, '-keyout', files.key, '-out', files.cert];
    execFileSync('openssl', args, { stdio: 'ignore' });
    return files;
  } catch {
    return undefined;
  }
}

function trackHttp1(url: string, ca: Buffer, body: string, writeKey: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${writeKey}` };
    // A connection per request, so that each request goes to the next process.
    const request = https.request(`${url}/v1/track`, { method: 'POST', ca, headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    request.end(body);
  });
}

function trackHttp2(url: string, ca: Buffer, body: string, writeKey: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(url, { ca });
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/v1/track',
      'content-type': 'application/json',
      authorization: `Bearer ${writeKey}`,
    });
    stream.on('response', (headers) => {
      stream.resume();
      session.close();
      resolve(Number(headers[':status']));
    });
    stream.end(body);
  });
}
