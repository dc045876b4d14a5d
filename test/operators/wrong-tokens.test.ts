import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';

import { describe, expect, test, vi } from 'vitest';

import { newOperatorToken } from '../../src/config/operators/operator-token.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { adminToken, asAdmin } from '../admin-token.ts';
import { startRealService, type RealService } from '../real-service.ts';

/* Who tries tokens at the admin port of a real service. */

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly ms: number;
}

async function ask(
  real: RealService,
  token: string | undefined,
  more: Record<string, string> = {},
): Promise<Answer> {
  const startedAt = performance.now();
  const request = http.request(`${real.adminUrl}/metrics`, {
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...more },
    agent: false,
  });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  const { statusCode, headers } = response;
  return {
    status: statusCode!,
    retryAfter: headers['retry-after'],
    ms: performance.now() - startedAt,
  };
}

const countOf = async (real: RealService, reason: string): Promise<number> => {
  const page = await (await fetch(`${real.adminUrl}/metrics`, asAdmin)).text();
  const line = `headgate_operator_refused_total{reason="${reason}"} `;
  return Number(
    page
      .split('\n')
      .find((each) => each.startsWith(line))
      ?.slice(line.length),
  );
};

describe.each(['own', 'node'])('on the engine %s', (engine) => {
  const env = { HEADGATE_HTTP_ENGINE: engine };

  test('wrong tokens are slowed by their address, a right one never', async () => {
    await using real = await startRealService({ env });
    for (let sent = 0; sent < 10; sent += 1) {
      expect(await ask(real, newOperatorToken())).toMatchObject({ status: 401 });
    }
    const slow = [1, 2, 3].map(() => ask(real, 'hunter2'));
    // All three wait once a fourth is refused.
    await vi.waitFor(async () => {
      const fourth = await ask(real, 'hunter2');
      expect([fourth.status, fourth.retryAfter]).toEqual([429, '4']);
    });
    const right = await ask(real, adminToken);
    expect(right.status).toBe(200);
    expect(right.ms).toBeLessThan(900);
    expect((await ask(real, undefined)).status).toBe(401);
    const answers = await Promise.all(slow);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    for (const { ms } of answers) expect(ms).toBeGreaterThan(900);
    expect(await countOf(real, 'wrong_token')).toBeGreaterThanOrEqual(14);
    expect(await countOf(real, 'no_token')).toBe(1);
  });

  test('over HTTP/2 too, where the streams of one connection wait together', async () => {
    await using real = await startRealService({ env });
    const session = http2.connect(real.adminUrl);
    try {
      const statusOf = async (token: string): Promise<number> => {
        const stream = session.request({
          ':path': '/metrics',
          authorization: `Bearer ${token}`,
        });
        const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
        stream.resume();
        return Number(headers[':status']);
      };
      const all = await Promise.all(Array.from({ length: 20 }, () => statusOf(newOperatorToken())));
      // 13 and 7. One more is answered where the requests take longer than a second.
      const refused = all.filter((status) => status === 429).length;
      expect(all.filter((status) => status === 401)).toHaveLength(20 - refused);
      expect(refused).toBeGreaterThan(3);
      expect(await statusOf(adminToken)).toBe(200);
    } finally {
      session.destroy();
    }
  });

  test('behind a trusted proxy, each caller waits for its own', async () => {
    const proxied = { ...env, HEADGATE_TRUSTED_PROXIES: '127.0.0.1' };
    await using real = await startRealService({ env: proxied });
    const from = (address: string) => ask(real, 'hunter2', { 'x-forwarded-for': address });
    const flood = await Promise.all(Array.from({ length: 20 }, () => from('192.0.2.1')));
    expect(flood.filter(({ status }) => status === 429).length).toBeGreaterThan(3);
    const other = await from('192.0.2.2');
    expect(other.status).toBe(401);
    expect(other.ms).toBeLessThan(900);
  });
});

test('the log has one line a minute, with the address and without a token', async () => {
  const lines: { readonly msg?: string }[] = [];
  const logger = createLogger('info', {
    write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]),
  });
  await using real = await startRealService({ logger });
  const token = newOperatorToken();
  for (let sent = 0; sent < 9; sent += 1) await ask(real, token);
  const ofTokens = () => lines.filter(({ msg }) => msg?.startsWith('wrong tokens at the admin'));
  await expect.poll(ofTokens, { timeout: 10_000 }).toHaveLength(1);
  expect(ofTokens()[0]).toMatchObject({ caller: '127.0.0.1', requests: 9, ofRequests: 9 });
  expect(JSON.stringify(lines)).not.toContain(token);
});

test('a stop does not wait for answers that are slowed', async () => {
  const real = await startRealService();
  await Promise.all(Array.from({ length: 10 }, () => ask(real, 'hunter2')));
  const late = ask(real, 'hunter2');
  await vi.waitFor(async () => expect(await countOf(real, 'wrong_token')).toBe(11));
  await real[Symbol.asyncDispose]();
  expect((await late).status).toBe(401);
});
