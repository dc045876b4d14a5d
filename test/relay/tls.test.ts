import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  DestinationService,
  DestinationStatus_State as State,
} from '../../gen/headgate/v1/destination_service_pb.ts';
import { eventIdOf } from '../../src/event/event-id.ts';
import { connect } from '../audit/audit-rig.ts';
import type { RealService } from '../real-service.ts';
import { createCertificates, type Certificate } from './certificates.ts';
import { startFar, startRelayHere, type FarGate } from './far.ts';

/* A relay to https://, with handshakes that succeed and fail for real. */

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-relay-tls-'));
const at = (name: string): string => path.join(folder, name);

interface Certificates {
  readonly good: Certificate;
  readonly expired: Certificate;
  readonly otherName: Certificate;
}

function makeCertificates(): Certificates | undefined {
  const make = createCertificates(folder);
  try {
    make.authority('ca');
    make.authority('other-ca');
    return {
      good: make.signed('good', 'ca', 'IP:127.0.0.1'),
      expired: make.signed('expired', 'ca', 'IP:127.0.0.1', -1),
      otherName: make.signed('other', 'ca', 'DNS:gate.example'),
    };
  } catch (error) {
    console.warn(`not tested: openssl makes no certificates (${(error as Error).message})`);
    return undefined;
  }
}

/** TLS before the far gate, with a certificate that can be changed. */
async function startTls(port: number, first: Certificate) {
  const open = new Set<net.Socket>();
  const server = tls.createServer({ ...first, ALPNProtocols: ['h2'] }, (caller) => {
    const inner = net.connect(port, '127.0.0.1');
    for (const [from, to] of [
      [caller, inner],
      [inner, caller],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const breakAll = (): void => {
    for (const socket of open) socket.destroy();
    open.clear();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    use: (certificate: Certificate): void => {
      server.setSecureContext(certificate);
      breakAll();
    },
    close: (): void => {
      server.close();
      breakAll();
    },
  };
}

const certificates = makeCertificates();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(certificates === undefined)('a relay to https://', () => {
  const { good, expired, otherName } = certificates ?? ({} as Certificates);
  let far: FarGate;
  let front: Awaited<ReturnType<typeof startTls>>;
  let relay: RealService;

  beforeAll(async () => {
    far = await startFar();
    front = await startTls(Number(new URL(far.gate.url).port), good);
    copyFileSync(at('ca.pem'), at('trusted.pem'));
    // One attempt: if an outage spent one, the event would be a dead letter.
    relay = await startRelayHere(
      front.port,
      {},
      {
        settings: { url: `https://127.0.0.1:${front.port}`, tls_ca: at('trusted.pem') },
        attempts: 1,
      },
    );
  });
  afterAll(async () => {
    await relay?.[Symbol.asyncDispose]();
    front?.close();
    await far?.close();
  });

  async function track(): Promise<string> {
    const key = randomUUID();
    const response = await fetch(`${relay.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key: key,
        properties: { order_id: 'A-1', total: 1, currency: 'EUR' },
      }),
    });
    expect(response.status).toBe(202);
    return key;
  }

  const status = async () =>
    (await connect(relay, DestinationService).listDestinations({})).destinations[0]!;

  /** The events wait, and `reason` says why; once `fix` is done they arrive, each once. `early`: before that. */
  async function waitFor(reason: RegExp, fix: () => void) {
    const keys = await Promise.all([track(), track()]);
    await expect
      .poll(status, { timeout: 10_000 })
      .toMatchObject({ state: State.PARKED, reason: expect.stringMatching(reason) });
    const early = keys.flatMap((key) => far.rows().get(key) ?? []);
    fix();
    const arrived = (): string[][] => keys.map((key) => far.rows().get(key) ?? []);
    const once = keys.map((key) => [eventIdOf('shop-fra', key)]);
    await expect.poll(arrived, { timeout: 15_000 }).toEqual(once);
    return { early, dead: (await status()).dead };
  }

  test('trusts the CA of tls_ca', async () => {
    const key = await track();
    await expect
      .poll(() => far.rows().get(key), { timeout: 10_000 })
      .toEqual([eventIdOf('shop-fra', key)]);
  });

  test('waits while no trusted CA signed the certificate, and reads the corrected file', async () => {
    copyFileSync(at('other-ca.pem'), at('trusted.pem'));
    front.use(good);
    const waited = await waitFor(
      /no CA of .*trusted\.pem signed its certificate \(UNABLE_TO_\w+\): write the CA that did into this file/,
      () => copyFileSync(at('ca.pem'), at('trusted.pem')),
    );
    expect(waited).toEqual({ early: [], dead: 0n });
  });

  test('waits while the certificate has expired', async () => {
    front.use(expired);
    const waited = await waitFor(
      /its certificate has expired \(CERT_HAS_EXPIRED\): renew it there/,
      () => front.use(good),
    );
    expect(waited).toEqual({ early: [], dead: 0n });
  });

  test('waits while the certificate is for another name', async () => {
    front.use(otherName);
    const waited = await waitFor(
      /its certificate is for DNS:gate\.example, not for 127\.0\.0\.1 .*: write one of these names/,
      () => front.use(good),
    );
    expect(waited).toEqual({ early: [], dead: 0n });
  });
});
