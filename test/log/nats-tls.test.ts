import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';

import type { ConnectionOptions } from '@nats-io/nats-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { connectToServer, parseServerUrl } from '../../src/jetstream/connection.ts';
import { openOtherStream } from '../../src/jetstream/other/other-stream.ts';
import { startOperatorsNats, type OperatorsNats } from '../destinations/nats-server.ts';

/* `nats.url: tls://...` with a certificate for addresses: a real nats-server on loopback. */

const trusted = tls.getCACertificates('default');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-nats-tls-'));
});
afterAll(async () => {
  tls.setDefaultCACertificates(trusted);
  await rm(folder, { recursive: true });
});

/** A server with a certificate for `names`, which this process trusts. */
async function startSecured(name: string, names: string): Promise<OperatorsNats> {
  const [key, cert] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.pem`)];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`];
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  tls.setDefaultCACertificates([...trusted, await readFile(cert, 'utf8')]);
  const own = { tls: { caFile: cert, rejectUnauthorized: false } } as ConnectionOptions;
  return startOperatorsNats(`tls { cert_file: "${cert}", key_file: "${key}" }`, own);
}

/** Why a stream of the operator on that NATS is not opened: there is none, if NATS is reached. */
async function openStream(url: string): Promise<string> {
  const consumer = { stream: 'none', consumer: 'none' };
  return openOtherStream(parseServerUrl(url), consumer, 'test').then(
    (opened) => opened.close().then(() => 'opened'),
    (error: Error) => error.message,
  );
}

async function open(url: string): Promise<string> {
  try {
    const address = parseServerUrl(url);
    const connection = await connectToServer({ address, name: 'test', onStatus: () => {} });
    await connection.close();
    return 'connected';
  } catch (error) {
    return (error as Error).message;
  }
}

test('a certificate for an address is checked against the address that was dialled', async () => {
  await using server = await startSecured('by-address', 'IP:127.0.0.1');
  expect(await open(`tls://127.0.0.1:${server.port}`)).toBe('connected');
  // The name is not in the certificate.
  expect(await open(`tls://localhost:${server.port}`)).toContain('Host: localhost. is not');
});

test('a certificate for another address is refused, and one for a name serves the name', async () => {
  await using server = await startSecured('other', 'IP:127.0.0.9,DNS:localhost');
  expect(await open(`tls://127.0.0.1:${server.port}`)).toMatch(
    /127\.0\.0\.1.* is not in the cert/i,
  );
  expect(await open(`tls://localhost:${server.port}`)).toBe('connected');
});

test('with tls:// a server without TLS is refused', async () => {
  await using server = await startOperatorsNats();
  expect(await open(`tls://127.0.0.1:${server.port}`)).toContain("does not support 'tls'");
  expect(await open(`nats://127.0.0.1:${server.port}`)).toBe('connected');
});

test('for a stream of the operator on the NATS of the log the same rules hold', async () => {
  await using server = await startSecured('stream', 'IP:127.0.0.1');
  expect(await openStream(`tls://127.0.0.1:${server.port}`)).toMatch(/stream.*none/);
  await using open = await startOperatorsNats();
  expect(await openStream(`tls://127.0.0.1:${open.port}`)).toContain("does not support 'tls'");
  expect(await openStream(`nats://127.0.0.1:${open.port}`)).toMatch(/stream.*none/);
});
