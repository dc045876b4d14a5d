import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { decompressBody } from './unpack-body.ts';

describe('decompressBody', () => {
  const text = Buffer.from('{"a":1}'.repeat(100));

  test.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['identity', text],
    ['', text],
  ])('undoes %s up to the limit and not beyond', async (encoding, body) => {
    expect((await decompressBody(body, encoding, text.length)).equals(text)).toBe(true);
  });

  test.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
  ])('stops %s at the limit, whatever it would become', async (encoding, body) => {
    await expect(decompressBody(body, encoding, text.length - 1)).rejects.toMatchObject({
      code: 'request_too_large',
    });
    await expect(decompressBody(Buffer.from('nonsense'), encoding, 100)).rejects.toMatchObject({
      code: 'malformed_request',
    });
    const cut = body.subarray(0, body.length - 4);
    await expect(decompressBody(cut, encoding, 10_000)).rejects.toMatchObject({
      code: 'malformed_request',
    });
    expect((await decompressBody(Buffer.alloc(0), encoding, 100)).length).toBe(0);
  });

  test.each(['snappy', 'toString', 'gzip, br'])('does not know %s', async (encoding) => {
    await expect(decompressBody(text, encoding, 10_000)).rejects.toMatchObject({
      code: 'unsupported_encoding',
    });
    await expect(decompressBody(Buffer.alloc(0), encoding, 10_000)).rejects.toMatchObject({
      code: 'unsupported_encoding',
    });
  });
});
