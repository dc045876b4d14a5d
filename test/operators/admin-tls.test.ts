import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, describe, expect, test, vi } from 'vitest';

import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { asAdmin, withAdminToken } from '../admin-token.ts';
import { runCli } from '../cli/run-cli.ts';
import { startRealService, type RealService } from '../real-service.ts';

/* TLS and client certificates on the admin port of a real service. */

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-admin-tls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);
const openssl = (...args: string[]): void =>
  void execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });

/** `<name>.pem` and `<name>.key`, signed by the CA, or by itself. */
function makeCertificate(name: string, ca?: string, names = 'IP:127.0.0.1'): void {
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const signer = ca === undefined ? [] : ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`];
  openssl(
    'req',
    '-x509',
    ...ec,
    ...subject,
    ...signer,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
  );
}

function hasOpenssl(): boolean {
  try {
    for (const name of ['ca', 'other-ca']) makeCertificate(name);
    makeCertificate('port', 'ca');
    makeCertificate('next', 'ca');
    makeCertificate('elsewhere', 'ca', 'DNS:gate.example');
    makeCertificate('ada', 'ca');
    makeCertificate('eve', 'other-ca');
    return true;
  } catch (error) {
    console.warn(`not tested: openssl makes no certificates (${(error as Error).message})`);
    return false;
  }
}

const pem = (name: string): Buffer => readFileSync(at(name));
const served = (name: string, more: Record<string, string> = {}): Record<string, string> => ({
  HEADGATE_ADMIN_TLS_CERT: at(`${name}.pem`),
  HEADGATE_ADMIN_TLS_KEY: at(`${name}.key`),
  ...more,
});
const byCertificate = {
  HEADGATE_ADMIN_TLS_CLIENT_CA: at('ca.pem'),
  HEADGATE_ADMIN_TLS_CLIENT_AUTH: 'required',
};
const urlOf = ({ adminUrl }: RealService): string => adminUrl.replace('http:', 'https:');
const caller = (name: string) => ({ cert: pem(`${name}.pem`), key: pem(`${name}.key`) });

interface Answer {
  readonly status: number;
  readonly servedBy: string;
}

async function ask(
  real: RealService,
  page: string,
  options: https.RequestOptions = {},
): Promise<Answer> {
  const request = https.get(`${urlOf(real)}${page}`, {
    ca: pem('ca.pem'),
    agent: false,
    ...options,
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const certificate = (response.socket as import('node:tls').TLSSocket).getPeerCertificate();
  response.resume();
  return { status: response.statusCode!, servedBy: String(certificate.subject.CN) };
}

describe.skipIf(!hasOpenssl())('the admin port with TLS', () => {
  describe.each(['own', 'node'])('on the engine %s', (engine) => {
    const on = { HEADGATE_HTTP_ENGINE: engine };

    test('serves HTTP/1.1, HTTP/2 and gRPC by TLS, and nothing in the clear', async () => {
      await using real = await startRealService({ env: served('port', on) });
      expect(await ask(real, '/healthz')).toEqual({ status: 200, servedBy: 'port' });
      expect((await ask(real, '/metrics')).status).toBe(401);
      expect((await ask(real, '/metrics', asAdmin)).status).toBe(200);

      const session = http2.connect(urlOf(real), { ca: pem('ca.pem') });
      const stream = session.request({ ':path': '/metrics', ...asAdmin.headers });
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      expect(headers[':status']).toBe(200);
      session.destroy();

      const transport = createGrpcTransport({
        baseUrl: urlOf(real),
        nodeOptions: { ca: pem('ca.pem') },
        interceptors: [withAdminToken],
      });
      const { destinations } = await createClient(DestinationService, transport).listDestinations(
        {},
      );
      expect(destinations).toHaveLength(1);

      const clear = http.get(`${real.adminUrl}/healthz`, { agent: false });
      await expect(once(clear, 'response')).rejects.toThrow(/socket hang up|ECONNRESET/);
    });

    test('asks for a client certificate, which does not replace the token', async () => {
      await using real = await startRealService({
        env: served('port', { ...on, ...byCertificate }),
      });
      await expect(ask(real, '/healthz', asAdmin)).rejects.toThrow(
        /certificate|hang up|ECONNRESET/,
      );
      await expect(ask(real, '/metrics', { ...asAdmin, ...caller('eve') })).rejects.toThrow(
        /unknown ca|hang up|ECONNRESET/,
      );
      expect((await ask(real, '/metrics', caller('ada'))).status).toBe(401);
      expect((await ask(real, '/metrics', { ...asAdmin, ...caller('ada') })).status).toBe(200);
    });
  });

  test('follows its files without a restart', async () => {
    const use = (name: string): void => {
      copyFileSync(at(`${name}.key`), at('live.key'));
      copyFileSync(at(`${name}.pem`), at('live.pem'));
    };
    use('port');
    const followed = at('headgate.yaml');
    writeFileSync(
      followed,
      `admin: { tls: { cert: ${at('live.pem')}, key: ${at('live.key')} } }\n`,
    );
    await using real = await startRealService({ followed });
    expect((await ask(real, '/healthz')).servedBy).toBe('port');
    use('next');
    await vi.waitFor(async () => expect((await ask(real, '/healthz')).servedBy).toBe('next'), {
      timeout: 10_000,
      interval: 100,
    });
    const request = https.get(`${urlOf(real)}/metrics`, { ca: pem('ca.pem'), ...asAdmin });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let page = '';
    for await (const part of response.setEncoding('utf8')) page += part as string;
    const expires = /^headgate_admin_certificate_expires_timestamp_seconds (\S+)$/m.exec(page)?.[1];
    const inDays = (Number(expires) - Date.now() / 1_000) / 86_400;
    expect(inDays).toBeGreaterThan(0.9);
    expect(inDays).toBeLessThan(1.1);
    expect(page).toMatch(/^headgate_certificate_expires_timestamp_seconds 0$/m);
    expect(page).toMatch(
      /^headgate_reload_total\{what="admin_certificate",outcome="applied"\} 1$/m,
    );
  });

  test('does not start with a key of another certificate, and names its settings', async () => {
    const env = { ...served('port'), HEADGATE_ADMIN_TLS_KEY: at('next.key') };
    await expect(startRealService({ env })).rejects.toThrow(
      /Fix admin\.tls\.cert, admin\.tls\.key/,
    );
  });

  describe('a command', () => {
    const commands = [
      ['destinations'],
      ['rejected', 'list'],
      ['dead', 'list'],
      ['schemas', 'list'],
    ];

    test.each(commands)(
      'on this machine trusts the file that is served: %s %s',
      async (...words) => {
        // A certificate for another name, whose CA is not known to the command.
        const env = served('elsewhere');
        await using real = await startRealService({ env });
        const port = { HEADGATE_ADMIN_LISTEN: new URL(real.adminUrl).host };
        const command = words.filter(Boolean);
        expect(await runCli(command, { env: { ...env, ...port } })).toMatchObject({ code: 0 });
        const other = await runCli(command, { env: { ...served('port'), ...port } });
        expect([other.code, other.stderr]).toEqual([
          1,
          expect.stringMatching(/its certificate is not trusted .*set admin\.client\.ca/),
        ]);
      },
    );

    test('elsewhere trusts admin.client.ca, and shows its certificate', async () => {
      await using real = await startRealService({ env: served('port', byCertificate) });
      const admin = ['destinations', '--admin', urlOf(real)];
      const ca = { HEADGATE_ADMIN_CLIENT_CA: at('ca.pem') };
      const certificateOf = (name: string) => ({
        HEADGATE_ADMIN_CLIENT_CERT: at(`${name}.pem`),
        HEADGATE_ADMIN_CLIENT_KEY: at(`${name}.key`),
      });
      expect(await runCli(admin, { env: { ...ca, ...certificateOf('ada') } })).toMatchObject({
        code: 0,
      });
      const faults: readonly (readonly [Record<string, string>, RegExp])[] = [
        [ca, /client certificate.* admin\.client\.cert/],
        [{ ...ca, ...certificateOf('eve') }, /client certificate.* admin\.client\.cert/],
        [certificateOf('ada'), /not trusted .*set admin\.client\.ca/],
        [{ ...ca, ...certificateOf('nobody') }, /nobody\.pem cannot be read \(ENOENT\): fix admin/],
        [{ HEADGATE_ADMIN_CLIENT_CERT: at('ada.pem') }, /belong together: set both/],
        [
          { ...ca, ...certificateOf('ada'), HEADGATE_ADMIN_CLIENT_KEY: at('eve.key') },
          /cannot be used/,
        ],
      ];
      for (const [env, fault] of faults) {
        const { code, stderr } = await runCli(admin, { env });
        expect([code, stderr]).toEqual([1, expect.stringMatching(fault)]);
      }
    });

    test('shows what the port refuses by TLS', async () => {
      const env = served('port');
      await using real = await startRealService({ env });
      const words = ['schemas', 'activate', 'order_completed@1', '--admin', urlOf(real)];
      const { code, stderr } = await runCli(words, { env });
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^headgate: .*schemas\.source/)]);
    });

    test('doctor asks by TLS', async () => {
      const env = served('port');
      await using real = await startRealService({ env });
      const asked = async (more: Record<string, string>): Promise<string> => {
        const settings = { HEADGATE_DATA_DIR: real.dataDir, ...env, ...more };
        return (await runCli(['doctor', '--admin', urlOf(real)], { env: settings })).stdout;
      };
      expect(await asked({})).toMatch(/the gate at https:\S+ takes events/);
      expect(await asked({ HEADGATE_ADMIN_CLIENT_CA: at('other-ca.pem') })).toMatch(
        /cannot be asked by TLS\s+-> There, its certificate is not trusted/,
      );
    });
  });
});
