import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startRealService, type RealService } from '../real-service.ts';

/* The files of the console, on the admin port of a real service. */

const index = '<!doctype html><title>Headgate</title>'.repeat(5);
const script = 'console.log("hello");'.repeat(100);
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

interface Got {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** As it is typed: neither this function nor Node changes the path. */
async function get(
  base: string,
  target: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Got> {
  const { hostname, port } = new URL(base);
  const request = http.request({ hostname, port, path: target, method, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode, headers: got } = response;
  return { status: statusCode!, headers: got, body: Buffer.concat(chunks) };
}

const html = { accept: 'text/html,application/xhtml+xml' };

describe.each(['own', 'node'])('on the engine %s', (engine) => {
  let real: RealService;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'headgate-console-'));
    mkdirSync(path.join(folder, 'console/assets'), { recursive: true });
    writeFileSync(path.join(folder, 'console/index.html'), index);
    writeFileSync(path.join(folder, 'console/assets/index-3fa2.js'), script);
    writeFileSync(path.join(folder, 'secret.html'), 'the secret of another folder');
    real = await startRealService({
      env: { HEADGATE_HTTP_ENGINE: engine },
      consoleFolder: path.join(folder, 'console'),
    });
  });
  afterAll(async () => {
    await real[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test('a page needs no token, is checked at each visit, and comes from this port alone', async () => {
    const { status, headers, body } = await get(real.adminUrl, '/');
    expect([status, String(body)]).toEqual([200, index]);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': csp,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      vary: 'accept-encoding',
    });
  });

  test('a script is kept for good, and is sent as small as the browser takes it', async () => {
    const asset = '/assets/index-3fa2.js';
    const plain = await get(real.adminUrl, asset);
    const br = await get(real.adminUrl, asset, { 'accept-encoding': 'gzip, deflate, br, zstd' });
    const gz = await get(real.adminUrl, asset, { 'accept-encoding': 'gzip, br;q=0' });
    expect(String(plain.body)).toBe(script);
    expect(String(brotliDecompressSync(br.body))).toBe(script);
    expect(String(gunzipSync(gz.body))).toBe(script);
    expect([plain, br, gz].map(({ headers }) => headers['content-encoding'])).toEqual([
      undefined,
      'br',
      'gzip',
    ]);
    for (const { headers } of [plain, br, gz]) {
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
      expect(headers['content-security-policy']).toBe(csp);
    }
    expect(new Set([plain, br, gz].map(({ headers }) => headers.etag)).size).toBe(3);
  });

  test('what the browser has is not sent again', async () => {
    const headers = { 'accept-encoding': 'br' };
    const { etag } = (await get(real.adminUrl, '/', headers)).headers;
    const again = await get(real.adminUrl, '/', { ...headers, 'if-none-match': `"x", ${etag}` });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
    expect(again.headers['content-security-policy']).toBe(csp);
    const other = await get(real.adminUrl, '/', { ...headers, 'if-none-match': '"x"' });
    expect(other.status).toBe(200);
  });

  test('every page has an address of its own, for those who ask for HTML', async () => {
    for (const page of [
      '/refused',
      '/find?id=A-1003',
      '/contracts/order_completed',
      '/live/?a=b',
    ]) {
      const { status, body } = await get(real.adminUrl, page, html);
      expect([page, status, String(body)]).toEqual([page, 200, index]);
      expect((await get(real.adminUrl, page)).status).toBe(401);
    }
    // A link in a chat or a mail.
    const linked = { ...html, 'sec-fetch-site': 'cross-site' };
    expect((await get(real.adminUrl, '/refused', linked)).status).toBe(200);
    const renamed = await get(real.adminUrl, '/', { ...html, host: 'evil.example' });
    expect(renamed.status).toBe(403);
  });

  test('the other endpoints of the port stay what they are, also in a browser', async () => {
    const ask = async (target: string, method?: string): Promise<number> =>
      (await get(real.adminUrl, target, html, method)).status;
    expect([await ask('/healthz'), await ask('/readyz')]).toEqual([200, 200]);
    expect([await ask('/metrics'), await ask('/console/session')]).toEqual([401, 401]);
    expect(await ask('/headgate.v1.DestinationService/ListDestinations')).toBe(401);
    expect([await ask('/', 'POST'), await ask('/refused', 'PUT')]).toEqual([401, 401]);
  });

  const hostile = [
    '/assets/../secret.html',
    '/assets/../../secret.html',
    '/assets/..%2f..%2fsecret.html',
    '/assets/%2e%2e/%2e%2e/secret.html',
    '/assets/..\\..\\secret.html',
    '/assets/....//....//secret.html',
    '/assets/%252e%252e%252fsecret.html',
    '/assets/index-3fa2.js/../../../secret.html',
    '/assets//../../secret.html',
    '/assets/./../../secret.html',
    '/assets/%00',
    '/assets/index-3fa2.js%00.html',
    '/assets/INDEX-3FA2.JS',
    '/assets/index-3fa2.js.br',
    '/assets/.env',
    '/assets/',
    '/assets/file:///etc/passwd',
    '/assets//etc/passwd',
    '/assets/..;/..;/secret.html',
    '/assets/%c0%ae%c0%ae/secret.html',
    '/assets/__proto__',
    '/assets/constructor',
    `/assets/${'../'.repeat(50)}etc/passwd`,
  ];
  test.each(hostile)('%s is no file', async (target) => {
    const { status, body, headers } = await get(real.adminUrl, target, html);
    expect(status).toBe(404);
    expect(String(body)).toMatch(/has no such file/);
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(headers['content-security-policy']).toBe(csp);
  });

  test('a path that leaves the folder leads to the page, and to no other file', async () => {
    for (const target of ['/../secret.html', '/%2e%2e/secret.html', '/..%2fsecret.html']) {
      const { status, body } = await get(real.adminUrl, target, html);
      expect([status, String(body)]).toEqual([200, index]);
    }
  });
});

test('without a build, / says how to make one, a build is seen without a restart, and stays while it is replaced', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-console-'));
  try {
    await using real = await startRealService({ consoleFolder: folder });
    const { status, body } = await get(real.adminUrl, '/', html);
    expect([status, String(body)]).toEqual([404, expect.stringContaining('npm run build:console')]);
    expect((await get(real.adminUrl, '/refused', html)).status).toBe(404);
    writeFileSync(path.join(folder, 'index.html'), index);
    await expect
      .poll(async () => (await get(real.adminUrl, '/')).status, { timeout: 5_000, interval: 200 })
      .toBe(200);
    writeFileSync(path.join(folder, 'index.html'), `${index}2`);
    await expect
      .poll(async () => String((await get(real.adminUrl, '/')).body), { timeout: 5_000 })
      .toBe(`${index}2`);
    // An upgrade of the package removes them first.
    rmSync(path.join(folder, 'index.html'));
    const until = performance.now() + 2_500;
    while (performance.now() < until) {
      const got = await get(real.adminUrl, '/');
      expect([got.status, String(got.body)]).toEqual([200, `${index}2`]);
      await delay(100);
    }
    writeFileSync(path.join(folder, 'index.html'), `${index}3`);
    await expect
      .poll(async () => String((await get(real.adminUrl, '/')).body), { timeout: 5_000 })
      .toBe(`${index}3`);
    // npm writes the page before its script.
    const page = `${index}<script src="/assets/console-0a.js"></script>`;
    mkdirSync(path.join(folder, 'assets'));
    writeFileSync(path.join(folder, 'index.html'), page);
    await delay(1_200);
    expect(String((await get(real.adminUrl, '/')).body)).toBe(`${index}3`);
    writeFileSync(path.join(folder, 'assets', 'console-0a.js'), 'a();');
    await expect
      .poll(async () => String((await get(real.adminUrl, '/')).body), { timeout: 5_000 })
      .toBe(page);
    expect((await get(real.adminUrl, '/assets/console-0a.js')).status).toBe(200);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
