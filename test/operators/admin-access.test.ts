import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCli } from '../cli/run-cli.ts';
import { startRealService, type RealService } from '../real-service.ts';

/* Who reaches the admin port of a Headgate that was started without any setting for it. */

let real: RealService;
let admin: string;
let metrics: string;

beforeAll(async () => {
  real = await startRealService({ env: { HEADGATE_ADMIN_TOKEN: '' } });
  const tokenOf = (file: string): string =>
    readFileSync(path.join(real.dataDir, file), 'utf8').trim();
  admin = tokenOf('admin-token');
  metrics = tokenOf('metrics-token');
});
afterAll(() => real[Symbol.asyncDispose]());

const list = '/headgate.v1.DestinationService/ListDestinations';

async function ask(page: string, headers: Record<string, string> = {}): Promise<number> {
  const isRpc = page === list;
  const request = http.request(`${real.adminUrl}${page}`, {
    method: isRpc ? 'POST' : 'GET',
    headers: { ...headers, ...(isRpc && { 'content-type': 'application/json' }) },
    agent: false,
  });
  request.end(isRpc ? '{}' : undefined);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  return response.statusCode!;
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

test('health needs no token, and nothing else is open', async () => {
  expect([await ask('/healthz'), await ask('/readyz')]).toEqual([200, 200]);
  expect([await ask('/metrics'), await ask(list), await ask('/other')]).toEqual([401, 401, 401]);
});

test('each token opens what it is for', async () => {
  expect([await ask('/metrics', bearer(admin)), await ask(list, bearer(admin))]).toEqual([
    200, 200,
  ]);
  expect(await ask('/metrics', bearer(metrics))).toBe(200);
  expect(await ask(list, bearer(metrics))).toBe(403);
  expect(await ask(list, bearer(`${admin}x`))).toBe(401);
});

describe('a page in a browser', () => {
  const evil = 'evil.example';
  test.each([
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of another origin', { origin: `https://${evil}` }],
    ['of a name that leads here', { host: evil, origin: `http://${evil}` }],
    ['of a name that leads here, without an origin', { host: `${evil}:8081` }],
  ])('%s is refused, with the token too', async (_what, headers) => {
    expect(await ask(list, { ...headers, ...bearer(admin) })).toBe(403);
    expect(await ask('/metrics', { ...headers, ...bearer(metrics) })).toBe(403);
  });

  test.each(['localhost:8081', '127.0.0.1:8081', '[::1]:8081', 'gate.localhost'])(
    'of our own, at %s, is served',
    async (host) => {
      const own = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
      expect(await ask(list, { ...own, ...bearer(admin) })).toBe(200);
    },
  );
});

describe('a command on the same machine', () => {
  const commands = [['destinations'], ['rejected', 'list'], ['dead', 'list'], ['schemas', 'list']];

  test.each(commands)('%s %s finds the token by the data directory', async (...command) => {
    const env = { HEADGATE_DATA_DIR: real.dataDir, HEADGATE_ADMIN_TOKEN: '' };
    const port = { HEADGATE_ADMIN_LISTEN: real.adminUrl.replace('http://', '') };
    const { code, stderr } = await runCli(command.filter(Boolean), { env: { ...env, ...port } });
    expect([code, stderr.includes('token')]).toEqual([0, false]);
  });

  test('reads the same configuration file, also one whose other secrets this shell lacks', async () => {
    const file = path.join(real.dataDir, 'headgate.yaml');
    const { host } = new URL(real.adminUrl);
    writeFileSync(
      file,
      `data_dir: ${real.dataDir}\nadmin: { listen: "${host}" }\n` +
        'destinations: { crm: { type: webhook, url: "https://a.example", secret: "${NOT_HERE}" } }\n',
    );
    const env = { HEADGATE_ADMIN_TOKEN: '' };
    expect(await runCli(['destinations', '--config', file], { env })).toMatchObject({ code: 0 });
    const byVariable = { ...env, HEADGATE_CONFIG: file };
    expect(await runCli(['dead', 'list'], { env: byVariable })).toMatchObject({ code: 0 });
  });

  test('sends the token of the operator who runs it first', async () => {
    const env = { HEADGATE_DATA_DIR: real.dataDir, HEADGATE_OPERATOR_TOKEN: 'not-known' };
    const { code, stderr } = await runCli(['destinations', '--admin', real.adminUrl], { env });
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/HEADGATE_OPERATOR_TOKEN to your own/),
    ]);
  });

  test('says what to do if it finds no token', async () => {
    const env = { HEADGATE_DATA_DIR: path.join(real.dataDir, 'none'), HEADGATE_ADMIN_TOKEN: '' };
    const { code, stderr } = await runCli(['destinations', '--admin', real.adminUrl], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/asks for another token: set HEADGATE_ADMIN_TOKEN.*HEADGATE_DATA_DIR/s);
  });
});

test('neither token is in what the service shows of itself', async () => {
  const page = await (await fetch(`${real.adminUrl}/metrics`, { headers: bearer(admin) })).text();
  expect(page).not.toContain(admin);
  expect(page).not.toContain(metrics);
  expect(JSON.stringify(real.config)).not.toContain(admin);
});
