import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import net from 'node:net';
import tls from 'node:tls';

import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { call, createTrackClient, looseEvent } from './grpc-client.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { answerOf } from './wire.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-tls-'));
const certFile = path.join(folder, 'cert.pem');
const keyFile = path.join(folder, 'key.pem');

function makeCertificate(): boolean {
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
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=IP:127.0.0.1,DNS:localhost',
    '-keyout',
    keyFile,
    '-out',
    certFile,
  ];
  try {
    execFileSync('openssl', args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    console.warn(
      `TLS is not tested: openssl cannot make a certificate (${(error as Error).message})`,
    );
    return false;
  }
}

describe.skipIf(!makeCertificate())('TLS', () => {
  let gate: OpenGate;
  let ca: Buffer;
  const requestTimeoutMs = 700;
  const tlsOptions = () => ({ host: '127.0.0.1', port: gate.port, ca });

  beforeAll(async () => {
    ca = readFileSync(certFile);
    gate = await openGate({
      env: {
        HEADGATE_TLS_CERT: certFile,
        HEADGATE_TLS_KEY: keyFile,
        HEADGATE_LIMITS_REQUEST_TIMEOUT: `${requestTimeoutMs}ms`,
        HEADGATE_LIMITS_IDLE_TIMEOUT: '1s',
      },
    });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const json = { 'content-type': 'application/json' };

  const postHttp1 = (agent: https.Agent): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const options = { ...tlsOptions(), agent, method: 'POST', path: '/v1/track', headers: json };
      const request = https.request(options, (response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode!, body }));
      });
      request.on('error', reject);
      request.end(JSON.stringify(order()));
    });

  test('HTTP/2 if ALPN selects it', async () => {
    const session = http2.connect(`https://127.0.0.1:${gate.port}`, { ca });
    const stream = session.request({ ':method': 'POST', ':path': '/v1/track', ...json });
    stream.end(JSON.stringify(order()));
    const answer = await answerOf(stream);
    expect(session.alpnProtocol).toBe('h2');
    expect([answer.status, JSON.parse(answer.body.toString()).status]).toEqual([202, 'accepted']);
    session.close();
  });

  test('HTTP/1.1 otherwise, with keep-alive', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; count < 3; count += 1) {
      const { status, body } = await postHttp1(agent);
      expect([status, JSON.parse(body).status]).toEqual([202, 'accepted']);
    }
    agent.destroy();
  });

  test('gRPC by grpc-js', async () => {
    const client = createTrackClient(gate.port, credentials.createSsl(ca));
    const { error, response } = await call(client, 'Track', { event: looseEvent(order()) });
    client.close();
    expect(error).toBeNull();
    expect(response).toMatchObject({ result: { status: 'ACCEPTED' } });
  });

  /** Resolves with everything received until the gate closed the connection. */
  const untilClosed = (socket: net.Socket): Promise<string> =>
    new Promise((resolve, reject) => {
      let received = '';
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error('still open'));
      }, 4000);
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('error', () => {});
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(received);
      });
    });

  test('refuses a request without TLS', async () => {
    const socket = net.connect(gate.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect(untilClosed(socket)).resolves.not.toContain('HTTP/1.1 200');
  });

  test('does not wait for a missing handshake', async () => {
    await expect(untilClosed(net.connect(gate.port, '127.0.0.1'))).resolves.toBe('');
  });

  test('does not wait for headers that do not end', async () => {
    const socket = tls.connect({ ...tlsOptions(), ALPNProtocols: ['http/1.1'] });
    socket.write('POST /v1/track HTTP/1.1\r\nhost: x\r\n');
    await expect(untilClosed(socket)).resolves.toMatch(/^HTTP\/1\.1 408 /);
  });

  test('refuses more headers than allowed', async () => {
    const socket = tls.connect({ ...tlsOptions(), ALPNProtocols: ['http/1.1'] });
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-padding: ${'x'.repeat(33 * 1024)}\r\n\r\n`);
    await expect(untilClosed(socket)).resolves.toMatch(
      /^HTTP\/1\.1 431 .*"code":"malformed_request"/s,
    );
  });

  test('an idle keep-alive connection is closed', async () => {
    const socket = tls.connect({ ...tlsOptions(), ALPNProtocols: ['http/1.1'] });
    const body = JSON.stringify(order());
    socket.write(
      'POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
    await expect(untilClosed(socket)).resolves.toMatch(/^HTTP\/1\.1 202 /);
  });

  test('a stop does not wait for idle connections', async () => {
    const env = { HEADGATE_TLS_CERT: certFile, HEADGATE_TLS_KEY: keyFile };
    await using other = await openGate({ env });
    const agent = new https.Agent({ keepAlive: true });
    await new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: other.port, ca, agent, path: '/v1/track' };
      https
        .get({ ...options, method: 'GET' }, (response) => response.resume().on('end', resolve))
        .on('error', reject);
    });
    const session = http2.connect(`https://127.0.0.1:${other.port}`, { ca });
    await new Promise((resolve) => session.once('connect', resolve));
    const startedAt = performance.now();
    await other.real.stop();
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    agent.destroy();
    session.destroy();
  });
});

test('reports a certificate that cannot be read', async () => {
  const missing = path.join(folder, 'missing.pem');
  const opened = openGate({ env: { HEADGATE_TLS_CERT: missing, HEADGATE_TLS_KEY: missing } });
  await expect(opened).rejects.toThrow(
    /^The TLS certificate or key cannot be read: .*missing\.pem/,
  );
});
