import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { expectFailure } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { send } from './wire.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';

/* A page in a browser on this machine reaches the gate on loopback, which asks for no key. */

let gate: OpenGate;
beforeAll(async () => void (gate = await openGate()));
afterAll(() => gate[Symbol.asyncDispose]());

const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
/** What browsers send from a page of another site, and from one whose name leads here. */
const pages: readonly (readonly [string, Record<string, string>])[] = [
  ['another site', { 'sec-fetch-site': 'cross-site', 'user-agent': agent }],
  ['another site, without fetch metadata', { origin: 'https://evil.example', 'user-agent': agent }],
  ['a sandboxed frame', { origin: 'null' }],
  ['another port of this host', { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:1' }],
];

async function sequenceOf(): Promise<number> {
  const answer = await knock(gate.port, wireEndpoints[0]!, { events: [order()] });
  return Number((JSON.parse(JSON.stringify(answer.results[0])) as { sequence: number }).sequence);
}

describe.each(pages)('a page of %s', (_what, headers) => {
  test.for(wireEndpoints)('is refused: $name', async (door) => {
    const answer = await knock(gate.port, door, { events: [order()], headers });
    expectFailure(answer, door, 'cross_site_request');
  });

  test.each([
    ['/v1/segment/track', 'text/plain'],
    ['/v1/segment/batch', 'application/json'],
    ['/capture/', 'application/json'],
    ['/batch/', 'application/json'],
    ['/track', 'application/x-www-form-urlencoded'],
    ['/v1/cloudevents', 'application/cloudevents+json'],
  ])('is refused at %s', async (path, type) => {
    const answer = await send({
      port: gate.port,
      version: '1.1',
      path,
      headers: { ...headers, 'content-type': type },
      body: '{}',
    });
    expect([answer.status, String(answer.body)]).toEqual([403, expect.stringMatching(/browser/)]);
  });
});

test('a picture of another site is refused where an event comes by GET', async () => {
  const data = Buffer.from('[{"event":"order_completed","properties":{}}]').toString('base64');
  const answer = await send({
    port: gate.port,
    version: '1.1',
    method: 'GET',
    path: `/track?data=${encodeURIComponent(data)}`,
    headers: { 'user-agent': agent, referer: 'http://evil.example/' },
  });
  expect(answer.status).toBe(403);
});

test('nothing of a refused page is stored', async () => {
  const before = await sequenceOf();
  for (const [, headers] of pages) {
    for (const door of wireEndpoints) await knock(gate.port, door, { events: [order()], headers });
  }
  expect(await sequenceOf()).toBe(before + 1);
});

test('a name that leads here is refused to browsers, and served to programs', async () => {
  const post = async (headers: Record<string, string>): Promise<number | undefined> => {
    const body = JSON.stringify(order());
    const type = { 'content-type': 'application/json' };
    const options = { port: gate.port, version: '1.1', path: '/v1/track', body } as const;
    return (await send({ ...options, headers: { ...type, ...headers } })).status;
  };
  const rebound = { host: 'evil.example', origin: 'http://evil.example' };
  expect(await post(rebound)).toBe(403);
  expect(await post({ host: 'evil.example', 'user-agent': agent })).toBe(403);
  expect(await post({ host: 'gate.internal', 'user-agent': 'curl/8.5.0' })).toBe(202);
  const nodeFetch = { 'accept-language': '*', 'sec-fetch-mode': 'cors', 'user-agent': 'node' };
  expect(await post({ host: 'gate.internal', ...nodeFetch })).toBe(202);
  expect(
    await post({ host: 'localhost:8080', 'user-agent': agent, 'sec-fetch-site': 'none' }),
  ).toBe(202);
  expect(await post({ host: '127.0.0.1', 'user-agent': agent, origin: 'http://127.0.0.1' })).toBe(
    202,
  );
});

test('with keys, the key decides', async () => {
  await using keyed = await openGate({ env: { HEADGATE_AUTH: 'keys' }, yaml: keyedYaml() });
  for (const [, headers] of pages) {
    const answer = await knock(keyed.port, wireEndpoints[0]!, {
      events: [order()],
      headers: { ...headers, 'x-write-key': key },
    });
    expect(answer.results[0]?.status, answer.raw).toBe('accepted');
  }
});

const key = 'hg_browsers_1';

function keyedYaml(): string {
  return `keys: [{ source: shop, hash: "${hashWriteKey(key)}" }]\n`;
}
