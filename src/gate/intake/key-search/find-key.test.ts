import type { IncomingHttpHeaders } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../../config/write-key.ts';
import { ServiceError } from '../../../errors.ts';
import type { Exchange } from '../../exchange.ts';
import { createAuthenticate } from '../authenticate.ts';
import { createCallers, type Callers } from '../callers.ts';
import { RequestMemory } from '../request-memory.ts';
import { KeySearch, type KeyInBody } from './find-key.ts';
import { inflatedBytesBase, inflatedBytesFactor, quantumBytes } from './packed-search.ts';

const authenticate = createAuthenticate('keys', [
  { source: 'shop', hash: hashWriteKey('the-key'), events: [] },
]);
const posthog: KeyInBody = { places: [['api_key']] };

interface Result {
  /** The source of the key. */
  readonly source: string;
  readonly inflatedBytes: number | undefined;
}

describe('the key of a request', () => {
  let callers: Callers;
  const limited: string[] = [];

  beforeEach(() => {
    limited.length = 0;
    callers = createCallers({
      auth: 'keys',
      trustedProxies: [],
      requestBytesMax: 4 * 1024 * 1024,
      limited: (limit, who) => limited.push(`${limit} ${who}`),
    });
  });
  afterEach(() => callers.close());

  function search(
    body: Buffer,
    headers: IncomingHttpHeaders,
    bytesMax = 4 * 1024 * 1024,
    keyInBody = posthog,
  ): Promise<Result> {
    const call = {
      headers,
      method: 'POST',
      connection: { remoteAddress: '192.0.2.1' },
      whenAnswered: () => {},
    };
    const exchange = { call } as unknown as Exchange;
    return new Promise((resolve, reject) => {
      let memory: RequestMemory | undefined;
      const found = new KeySearch({
        callers,
        authenticate,
        exchange,
        keyInBody,
        bytesMax,
        tooLarge: () => new ServiceError('request_too_large', 'Too large.'),
        memory: () => (memory ??= new RequestMemory(callers, exchange.call, undefined, reject)),
      });
      found.take(body);
      found.finish(body, {
        onFound: ({ source }, inflated) => resolve({ source, inflatedBytes: inflated?.length }),
        onError: reject,
      });
    });
  }

  const text = JSON.stringify({ batch: [{ event: 'a' }], api_key: 'the-key' });

  test.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
  ])('is found in %s, and a small body is inflated once', async (encoding, body) => {
    const result = await search(body, { 'content-encoding': encoding });
    expect(result).toEqual({ source: 'shop', inflatedBytes: text.length });
  });

  test('is found in a body as it is', async () => {
    expect(await search(Buffer.from(text), {})).toMatchObject({ source: 'shop' });
  });

  test('is found at the end of 500 KB of events', async () => {
    const event = { event: 'order_completed', properties: { plan: 'team', seats: 12 } };
    const events = Array.from({ length: 6000 }, (_, index) => ({ ...event, uuid: `e-${index}` }));
    const large = JSON.stringify({ batch: events, api_key: 'the-key' });
    expect(large.length).toBeGreaterThan(500_000);
    const result = await search(gzipSync(large), { 'content-encoding': 'gzip' });
    expect(result).toEqual({ source: 'shop', inflatedBytes: undefined });
  });

  test('is kept with what a quantum holds, and not with one byte more', async () => {
    const padded = (bytes: number): Buffer => gzipSync(text.padEnd(bytes, ' '));
    const headers = { 'content-encoding': 'gzip' };
    expect((await search(padded(quantumBytes), headers)).inflatedBytes).toBe(quantumBytes);
    expect((await search(padded(quantumBytes + 1), headers)).inflatedBytes).toBeUndefined();
  });

  test.each([
    ['{"batch":[]}', 'There is no write key'],
    ['{"api_key":"wrong"}', 'not one that this gate knows'],
  ])('is missing or wrong: %s', async (body, message) => {
    const refused = { code: 'unauthenticated', message: expect.stringContaining(message) };
    await expect(search(Buffer.from(body), {})).rejects.toMatchObject(refused);
    const packed = search(gzipSync(body), { 'content-encoding': 'gzip' });
    await expect(packed).rejects.toMatchObject(refused);
  });

  test('is looked for within the limit of the endpoint, and not beyond', async () => {
    const body = gzipSync(text);
    const headers = { 'content-encoding': 'gzip' };
    expect(await search(body, headers, text.length)).toMatchObject({ source: 'shop' });
    const beyond = search(body, headers, text.length - 1);
    await expect(beyond).rejects.toMatchObject({ code: 'request_too_large' });
  });

  test('is looked for in a body that inflates to very much only if a place for that is free', async () => {
    const body = gzipSync(Buffer.alloc(1024 * 1024, ' '));
    expect(inflatedBytesBase + inflatedBytesFactor * body.length).toBeLessThan(1024 * 1024);
    const headers = { 'content-encoding': 'gzip' };
    await expect(search(body, headers)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(callers.takeLargeScan()).toBe(true);
    await expect(search(body, headers)).rejects.toMatchObject({ code: 'overloaded' });
    expect(limited).toEqual(['keyless_scan 192.0.2.1']);
    callers.freeLargeScan();
    await expect(search(body, headers)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('is not looked for in what is no gzip', async () => {
    const broken = search(Buffer.from('nonsense'), { 'content-encoding': 'gzip' });
    await expect(broken).rejects.toMatchObject({ code: 'malformed_request' });
    await expect(search(Buffer.from('x'), { 'content-encoding': 'snappy' })).rejects.toMatchObject({
      code: 'unsupported_encoding',
    });
  });
});
