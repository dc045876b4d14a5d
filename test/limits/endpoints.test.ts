import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import type { Answer } from '../endpoints/answer.ts';
import { expectFailure } from '../endpoints/expectations.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { order, type Sample } from '../endpoints/sample-events.ts';
import { knock, wireEndpoints, type WireEndpoint } from '../endpoints/wire-endpoints.ts';
import { asAdmin } from '../admin-token.ts';

/*
 * The limits of a source at our own endpoints, on both HTTP engines: at the limit everything is
 * taken, and what is beyond gets 429 or RESOURCE_EXHAUSTED with the delay, or `retry` in a batch.
 */

const burst = 3;
const keyOf = (source: string): string => `hg_${source}_0123456789`;
const sourceOf = (index: number): string => `limited-${index}`;
const batches = wireEndpoints.filter(({ rpc }) => rpc === 'BatchTrack');

/** A source for each endpoint: none has the allowance of another. */
const yaml = `keys:
${wireEndpoints
  .map(
    (_door, index) =>
      `  - { source: ${sourceOf(index)}, hash: "${hashWriteKey(keyOf(sourceOf(index)))}", ` +
      `limits: { events_per_second: 1, burst: ${burst} } }`,
  )
  .join('\n')}
  - { source: free, hash: "${hashWriteKey(keyOf('free'))}" }
  - { source: heavy, hash: "${hashWriteKey(keyOf('heavy'))}", limits: { bytes_per_day: 8KiB } }
`;

describe.each(['own', 'node'] as const)('http.engine %s', (engine) => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({
      env: {
        HEADGATE_AUTH: 'keys',
        HEADGATE_HTTP_ENGINE: engine,
        HEADGATE_LIMITS_REQUEST_BYTES_MAX: '8192',
      },
      yaml,
    });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  const ask = (door: WireEndpoint, source: string, events: readonly Sample[]): Promise<Answer> =>
    knock(gate.port, door, { events, headers: { authorization: `Bearer ${keyOf(source)}` } });

  test.concurrent.for(wireEndpoints)('$name', async (door, { expect }) => {
    const source = sourceOf(wireEndpoints.indexOf(door));
    const startedAt = performance.now();
    if (door.rpc === 'Track') {
      const answers = await Promise.all(
        Array.from({ length: burst + 4 }, () => ask(door, source, [order()])),
      );
      const earned = Math.ceil((performance.now() - startedAt) / 1000);
      const accepted = answers.filter(({ results }) => results[0]?.status === 'accepted');
      expect(accepted.length).toBeGreaterThanOrEqual(burst);
      expect(accepted.length).toBeLessThanOrEqual(burst + earned);
      for (const answer of answers) if (!accepted.includes(answer)) expectLimited(answer, door);
      return;
    }
    const events = Array.from({ length: burst + 2 }, () => order());
    const answer = await ask(door, source, events);
    const statuses = answer.results.map(({ status }) => status);
    expect(statuses).toEqual(['accepted', 'accepted', 'accepted', 'retry', 'retry']);
    for (const [index, result] of answer.results.entries()) {
      expect([result.index, result.idempotency_key]).toEqual([
        index,
        events[index]!['idempotency_key'],
      ]);
    }
    expect(answer.results[burst]!.error).toMatchObject({ code: 'limit_reached' });
    expect(answer.results[burst]!.event_id).toMatch(/^[0-9a-f-]{36}$/);
    // Two events, one a second.
    expect(answer.retryAfter).toBe('2');
    if (door.family === 'rest') expect(answer.http).toBe(207);
    // Nothing is left: the whole request is refused, before it is decoded.
    const none = await ask(door, source, [order(), order()]);
    expectLimited(none, door);
    expect(Number(none.retryAfter)).toBeLessThanOrEqual(2);
    // What was to be sent again is stored once, after the delay.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const again = await ask(door, source, events.slice(burst));
    expect(again.results.map(({ status }) => status)).toEqual(['accepted', 'accepted']);
  });

  function expectLimited(answer: Answer, door: WireEndpoint): void {
    expectFailure(answer, door, 'limit_reached');
    expect(answer.message).toContain(`The source "${sourceOf(wireEndpoints.indexOf(door))}"`);
    expect(answer.message).toContain('limits.events_per_second');
    // REST has the header alone.
    const { retryAfter, retryDelayMs = Number(retryAfter) * 1000 } = answer;
    expect(retryDelayMs).toBeLessThanOrEqual(burst * 1000);
    expect(Number(retryAfter)).toBe(Math.ceil(retryDelayMs / 1000));
  }

  test('a source without limits, and the canary, are not limited', async () => {
    const answer = await ask(
      batches[0]!,
      'free',
      Array.from({ length: 50 }, () => order()),
    );
    expect(answer.results.every(({ status }) => status === 'accepted')).toBe(true);
  });

  test('bytes a day: the last that fits, then a delay to midnight UTC', async () => {
    const track = wireEndpoints.find(({ name }) => name === 'REST track HTTP/1.1')!;
    const filler = order();
    const room = 8192 - 1 - Buffer.byteLength(JSON.stringify({ ...filler, context: { x: '' } }));
    const large = { ...filler, context: { x: 'x'.repeat(room) } };
    expect((await ask(track, 'heavy', [large])).results[0]!.status).toBe('accepted');
    // One byte is left.
    const answer = await ask(track, 'heavy', [order()]);
    expectFailure(answer, track, 'limit_reached');
    expect(answer.message).toContain('8192 bytes a day of UTC (limits.bytes_per_day)');
    const toMidnight = 86_400 - ((Date.now() / 1000) % 86_400);
    expect(Math.abs(Number(answer.retryAfter) - toMidnight)).toBeLessThan(5);
  });

  test('counts in metrics', async () => {
    const limited = async (source: string, limit: string): Promise<number> =>
      seriesOf(await page(), 'headgate_source_limited_total', source, limit);
    const used = async (): Promise<number> =>
      seriesOf(await page(), 'headgate_source_limit_used_ratio', 'heavy', 'bytes_per_day');
    expect(await limited(sourceOf(0), 'events_per_second')).toBeGreaterThan(0);
    expect(await limited('heavy', 'bytes_per_day')).toBe(1);
    expect(await limited('free', 'bytes_per_day')).toBe(0);
    await expect.poll(used, { timeout: 5_000 }).toBeCloseTo(8191 / 8192, 6);
  });

  const page = async (): Promise<string> =>
    (await fetch(`${gate.real.adminUrl}/metrics`, asAdmin)).text();
});

/** The value of a series; -1 without one. */
function seriesOf(page: string, family: string, source: string, limit: string): number {
  const start = `${family}{source="${source}",limit="${limit}"} `;
  const line = page.split('\n').find((each) => each.startsWith(start));
  return line === undefined ? -1 : Number(line.slice(start.length));
}
