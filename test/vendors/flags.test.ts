import { PostHog } from 'posthog-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/** Feature flags, of which the gate has none: the SDKs get an answer that they understand. */
describe('feature flags', () => {
  let vendorGate: VendorGate;

  beforeAll(async () => {
    vendorGate = await openVendorGate();
  });

  afterAll(async () => {
    await vendorGate[Symbol.asyncDispose]();
  });

  test("PostHog's SDK evaluates no flag, and throws and reports nothing", async () => {
    const paths: string[] = [];
    const errors: unknown[] = [];
    const posthog = new PostHog(shopKey, {
      host: vendorGate.gate.url,
      personalApiKey: 'phx_unknown_here',
      fetch: async (url, options) => {
        const answer = await fetch(url, options as RequestInit);
        paths.push(`${options.method} ${new URL(url).pathname} ${answer.status}`);
        return answer as never;
      },
    });
    posthog.on('error', (error: unknown) => errors.push(error));
    expect(await posthog.isFeatureEnabled('beta', 'u1')).toBeFalsy();
    expect(await posthog.getAllFlags('u1')).toEqual({});
    await posthog.shutdown();
    expect(errors).toEqual([]);
    expect(paths).toContain('GET /flags/definitions 200');
    expect(paths).toContain('POST /flags/ 200');
  });

  const ask = async (path: string, options: RequestInit = {}) => {
    const answer = await fetch(`${vendorGate.gate.url}${path}`, options);
    return { status: answer.status, body: (await answer.json()) as object };
  };
  const post = (body: string): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });

  test.each(['/flags/?v=2', '/flags', '/decide/?v=3', '/decide'])('POST %s', async (path) => {
    const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
    const asked = post(JSON.stringify({ api_key: shopKey, distinct_id: 'u' }));
    expect(await ask(path, asked)).toMatchObject({
      status: 200,
      body: { flags: {}, featureFlags: {}, errorsWhileComputingFlags: true },
    });
    const unknown = await ask(path, post('{"token":"hg_nobody"}'));
    expect(unknown).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    const malformed = await ask(path, {
      ...post('[1]'),
      headers: { 'content-type': 'application/json', 'x-write-key': shopKey },
    });
    expect(malformed.status).toBe(400);
    const after = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
    expect(after).toEqual(before);
  });

  test.each([
    ['/flags/definitions?token=x&send_cohorts', { flags: [] }],
    ['/api/feature_flag/local_evaluation?token=x', { flags: [] }],
    ['/api/feature_flag/local_evaluation/?token=x', { flags: [] }],
    ['/flags?context=x', { code: 200, flags: {} }],
    ['/decide?version=1', { config: {} }],
  ])('GET %s', async (path, body) => {
    expect(await ask(path)).toMatchObject({ status: 200, body });
  });

  test('other methods are refused, with those that are taken', async () => {
    const refused = async (path: string, method: string) => {
      const answer = await fetch(`${vendorGate.gate.url}${path}`, { method });
      return [answer.status, answer.headers.get('allow')];
    };
    expect(await refused('/flags/', 'DELETE')).toEqual([405, 'GET, POST']);
    expect(await refused('/flags/definitions', 'POST')).toEqual([405, 'GET']);
  });
});
