import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashOperatorToken, newOperatorToken } from '../../src/config/operators/operator-token.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { readEntries, readStreamText } from '../audit/audit-rig.ts';
import { adminToken } from '../admin-token.ts';
import { askAdmin } from '../ask-admin.ts';
import { startRealService, type RealService } from '../real-service.ts';

/* Who signs in to the console of a real service, and what a session opens. */

const tokens = {
  viewer: newOperatorToken(),
  operator: newOperatorToken(),
  metrics: newOperatorToken(),
};
const entryOf = (role: keyof typeof tokens): string =>
  `  - { name: ${role}-1, role: ${role}, hash: "${hashOperatorToken(tokens[role])}" }\n`;

/** What a browser sends with a request of a page of this port. */
const own = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
const fromConsole = { ...own, 'x-headgate-console': '1' };

async function signIn(
  real: RealService,
  body: unknown,
  headers: Record<string, string> = own,
): Promise<Response> {
  return fetch(`${real.adminUrl}/console/session`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** `headgate_session_PORT=...` of an answer. */
function cookieOf(response: Response): string {
  return response.headers.getSetCookie()[0]!.split(';')[0]!;
}

async function session(real: RealService, token: string): Promise<string> {
  const response = await signIn(real, { token });
  expect(response.status).toBe(200);
  return cookieOf(response);
}

async function rpc(
  real: RealService,
  cookie: string,
  name = 'DestinationService/ListDestinations',
  headers: Record<string, string> = fromConsole,
  body: object = {},
): Promise<number> {
  const response = await fetch(`${real.adminUrl}/headgate.v1.${name}`, {
    method: 'POST',
    headers: { ...headers, cookie },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const lines: string[] = [];
let real: RealService;
beforeAll(async () => {
  const logger = createLogger('debug', { write: (line) => void lines.push(line) });
  const yaml = `operators:\n${entryOf('viewer')}${entryOf('operator')}${entryOf('metrics')}`;
  real = await startRealService({ yaml, logger });
});
afterAll(() => real[Symbol.asyncDispose]());

describe('signing in', () => {
  test('with a token: the cookie is for the browser alone, and the body says who it is', async () => {
    const response = await signIn(real, { token: tokens.viewer });
    expect(response.status).toBe(200);
    const body = (await response.json()) as { expires_at: string };
    expect(body).toEqual({ name: 'viewer-1', role: 'viewer', expires_at: expect.any(String) });
    expect(Date.parse(body.expires_at)).toBeGreaterThan(Date.now());
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^headgate_session_\d+=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
      ),
    ]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const cookie = cookieOf(response);
    const who = await fetch(`${real.adminUrl}/console/session`, { headers: { ...own, cookie } });
    expect(await who.json()).toEqual(body);
  });

  test('with the code of a link, once', async () => {
    const code = real.service.makeSignInCode();
    const first = await signIn(real, { code });
    expect(await first.json()).toMatchObject({ name: 'admin', role: 'admin' });
    expect(await rpc(real, cookieOf(first))).toBe(200);
    expect((await signIn(real, { code })).status).toBe(401);
  });

  test('a new one ends the session that the browser had, and never takes over its secret', async () => {
    const planted = `headgate_session_${new URL(real.adminUrl).port}=${'A'.repeat(43)}`;
    const response = await signIn(real, { token: tokens.viewer }, { ...own, cookie: planted });
    const first = cookieOf(response);
    expect(first).not.toBe(planted);
    expect(await rpc(real, planted)).toBe(401);
    const second = cookieOf(
      await signIn(real, { token: tokens.operator }, { ...own, cookie: first }),
    );
    expect([await rpc(real, first), await rpc(real, second)]).toEqual([401, 200]);
  });

  test('a token for metrics opens no session', async () => {
    const response = await signIn(real, { token: tokens.metrics });
    expect([response.status, response.headers.getSetCookie()]).toEqual([403, []]);
  });

  test.each([
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a page of a sibling host', { 'sec-fetch-site': 'same-site' }],
    ['a page of another origin', { origin: 'https://evil.example' }],
    ['a page that hides its origin', { origin: 'null' }],
    ['a link that is followed', { 'sec-fetch-site': 'none' }],
    ['a program', {}],
  ])('%s cannot', async (_who, headers) => {
    const sent = { 'content-type': 'application/json', ...headers };
    expect((await signIn(real, { token: adminToken }, sent)).status).toBe(403);
  });

  test('an old browser without Sec-Fetch-Site can, by its Origin', async () => {
    const sent = { 'content-type': 'application/json', origin: real.adminUrl };
    expect((await signIn(real, { token: adminToken }, sent)).status).toBe(200);
  });

  test.each([
    '',
    '{',
    '[]',
    'null',
    '{}',
    '{"token":1}',
    '{"token":"a","code":"b"}',
    `"${adminToken}"`,
  ])('%j is no sign-in', async (body) => {
    expect((await signIn(real, body)).status).toBe(400);
  });

  test('a form of another site is not taken either', async () => {
    const sent = { ...own, 'content-type': 'text/plain' };
    expect((await signIn(real, { token: adminToken }, sent)).status).toBe(400);
  });

  test('a body has at most 4096 bytes, announced or not', async () => {
    const of = (bytes: number): string => {
      const rest = JSON.stringify({ token: adminToken, x: '' }).length;
      return JSON.stringify({ token: adminToken, x: 'x'.repeat(bytes - rest) });
    };
    expect((await signIn(real, of(4_096))).status).toBe(200);
    expect((await signIn(real, of(4_097))).status).toBe(413);
    const stream = new Blob([of(4_097)]).stream();
    const init = { method: 'POST', headers: own, body: stream, duplex: 'half' };
    const unannounced = await fetch(`${real.adminUrl}/console/session`, init as RequestInit);
    expect(unannounced.status).toBe(413);
  });
});

describe('a session', () => {
  test('opens the RPCs of its role, and the role stays what it is', async () => {
    const viewer = await session(real, tokens.viewer);
    const pause = { name: 'crm', why: 'a test' };
    expect(await rpc(real, viewer)).toBe(200);
    const act = 'DestinationService/PauseDestination';
    expect(await rpc(real, viewer, act, fromConsole, pause)).toBe(403);
    expect(await rpc(real, viewer, 'AuditService/ListAudit')).toBe(403);
    expect(await rpc(real, viewer, 'KeyService/CreateKey', fromConsole, { source: 'x' })).toBe(403);
    const operator = await session(real, tokens.operator);
    expect(await rpc(real, operator, act, fromConsole, pause)).toBe(404);
  });

  test.each([
    ['without the header of the console', own],
    ['with another value of it', { ...own, 'x-headgate-console': '0' }],
    ['of a sibling host', { ...fromConsole, 'sec-fetch-site': 'same-site' }],
    ['of another site', { ...fromConsole, 'sec-fetch-site': 'cross-site' }],
    ['of another origin', { 'x-headgate-console': '1', origin: 'https://evil.example' }],
    ['that says nothing of where it is from', { 'x-headgate-console': '1' }],
  ])('a request %s opens nothing', async (_what, headers) => {
    const cookie = await session(real, tokens.viewer);
    const sent = { 'content-type': 'application/json', ...headers };
    expect(await rpc(real, cookie, undefined, sent)).toBe(403);
  });

  test('opens no page that a link could lead to', async () => {
    const cookie = await session(real, adminToken);
    const metrics = await fetch(`${real.adminUrl}/metrics`, {
      headers: { ...fromConsole, cookie },
    });
    expect(metrics.status).toBe(401);
  });

  test('is asked for as a token is: a wrong token beside it counts', async () => {
    const cookie = await session(real, tokens.viewer);
    const wrong = { ...fromConsole, authorization: `Bearer ${newOperatorToken()}` };
    expect(await rpc(real, cookie, undefined, wrong)).toBe(401);
    const right = { ...own, authorization: `Bearer ${adminToken}` };
    expect(await rpc(real, 'headgate_session=x', 'AuditService/ListAudit', right)).toBe(200);
    // A proxy in front has asked for a password of its own.
    const basic = { ...fromConsole, authorization: 'Basic YTpi' };
    expect(await rpc(real, cookie, undefined, basic)).toBe(200);
  });

  test('ends with the sign-out, which another site cannot send', async () => {
    const cookie = await session(real, tokens.viewer);
    const leave = (headers: Record<string, string>) =>
      fetch(`${real.adminUrl}/console/session`, {
        method: 'DELETE',
        headers: { ...headers, cookie },
      });
    expect((await leave({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect(await rpc(real, cookie)).toBe(200);
    const left = await leave(own);
    expect([left.status, left.headers.getSetCookie()]).toEqual([
      200,
      [expect.stringContaining('Max-Age=0')],
    ]);
    expect(await rpc(real, cookie)).toBe(401);
    const who = await fetch(`${real.adminUrl}/console/session`, { headers: { ...own, cookie } });
    expect(who.status).toBe(401);
  });

  test('is in the audit log under the name of its operator', async () => {
    const cookie = await session(real, tokens.operator);
    const body = { sequence: '1', why: 'a test' };
    await rpc(real, cookie, 'RejectedService/DiscardRejected', fromConsole, body);
    const { entries } = await askAdmin<{ entries: { operator: string; action: string }[] }>(
      real.adminUrl,
      'AuditService/ListAudit',
      { operator: 'operator-1', action: 'DiscardRejected' },
    );
    expect(entries).toMatchObject([{ operator: 'operator-1', action: 'DiscardRejected' }]);
  });

  test('is counted beside its operator, whose token and hash are not shown', async () => {
    const cookie = await session(real, tokens.viewer);
    const response = await fetch(`${real.adminUrl}/headgate.v1.OperatorService/ListOperators`, {
      method: 'POST',
      headers: { ...fromConsole, cookie },
      body: '{}',
    });
    const text = await response.text();
    const { operators } = JSON.parse(text) as { operators: { name: string; sessions: number }[] };
    expect(operators.map(({ name }) => name)).toEqual([
      'admin',
      'metrics',
      'viewer-1',
      'operator-1',
      'metrics-1',
    ]);
    const you = operators.find(({ name }) => name === 'viewer-1')!;
    expect(you).toMatchObject({ role: 'viewer', you: true, sessions: expect.any(Number) });
    expect(you.sessions).toBeGreaterThan(0);
    expect(text).not.toMatch(/sha256|hg_/);
  });
});

test('wrong tokens and codes are counted and slowed as those of RPCs', async () => {
  await using other = await startRealService();
  for (let sent = 0; sent < 10; sent += 1) {
    const body = sent % 2 === 0 ? { token: newOperatorToken() } : { code: 'x'.repeat(43) };
    expect((await signIn(other, body)).status).toBe(401);
  }
  const slow = [1, 2, 3].map(() => signIn(other, { token: 'hunter2' }));
  await expect
    .poll(async () => (await signIn(other, { token: 'hunter2' })).status, { timeout: 2_000 })
    .toBe(429);
  expect((await signIn(other, { token: adminToken })).status).toBe(200);
  const page = await fetch(`${other.adminUrl}/metrics`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  expect(await page.text()).toMatch(
    /^headgate_operator_refused_total\{reason="wrong_token"\} 1[4-9]$/m,
  );
  await Promise.all(slow);
});

test('a session ends with the token of its operator, and with another role', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-console-'));
  try {
    const followed = path.join(folder, 'headgate.yaml');
    writeFileSync(followed, `operators:\n${entryOf('viewer')}${entryOf('operator')}`);
    await using other = await startRealService({ followed });
    const viewer = await session(other, tokens.viewer);
    const operator = await session(other, tokens.operator);
    expect([await rpc(other, viewer), await rpc(other, operator)]).toEqual([200, 200]);
    const raised = entryOf('operator').replace('role: operator', 'role: admin');
    writeFileSync(followed, `operators:\n${raised}`);
    await expect.poll(() => rpc(other, viewer), { timeout: 10_000 }).toBe(401);
    expect(await rpc(other, operator)).toBe(401);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('neither a token nor a code nor a secret is in the log', async () => {
  const code = real.service.makeSignInCode();
  const secret = cookieOf(await signIn(real, { code })).split('=')[1]!;
  await signIn(real, { code });
  await signIn(real, { token: 'hunter2 of no one' });
  const text = lines.join('');
  expect(text).toContain('signed in to the console');
  for (const hidden of [code, secret, 'hunter2', adminToken, ...Object.values(tokens)]) {
    expect(text).not.toContain(hidden);
  }
});

test('who signs in and out is in the audit log, without the token and the cookie', async () => {
  await using other = await startRealService({ yaml: `operators:\n${entryOf('viewer')}` });
  const { log } = other.service;
  const cookie = await session(other, tokens.viewer);
  await signIn(other, { token: 'wrong' });
  const signOut = (): Promise<Response> =>
    fetch(`${other.adminUrl}/console/session`, { method: 'DELETE', headers: { ...own, cookie } });
  await signOut();
  // No operator is signed in any more.
  await signOut();
  const entries = await readEntries(log);
  const known = { operator: 'viewer-1', role: 'viewer', address: '127.0.0.1', outcome: 'ok' };
  expect(entries.map(({ action }) => action)).toEqual(['SignIn', 'SignOut']);
  for (const entry of entries) expect(entry).toMatchObject(known);
  const text = await readStreamText(log);
  expect(text).not.toContain(tokens.viewer);
  expect(text).not.toContain(cookie.split('=')[1]);
});

test('two gates on one host do not sign each other out', async () => {
  await using other = await startRealService({ yaml: `operators:\n${entryOf('viewer')}` });
  const both = [await session(real, tokens.viewer), await session(other, tokens.viewer)].join('; ');
  expect(await rpc(real, both)).toBe(200);
  expect(await rpc(other, both)).toBe(200);
});
