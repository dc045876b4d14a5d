import type { IncomingHttpHeaders } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { afterEach, describe, expect, test } from 'vitest';

import type { BodySink } from '../../http/http-call.ts';
import { CallerGone, createBodyReader, decompressBody, type BodyReader } from './read-body.ts';

/** As much of a request as a body reader looks at. */
class Request {
  readonly headers: IncomingHttpHeaders;
  private sink: BodySink | undefined;

  constructor(contentLength?: number) {
    this.headers = contentLength === undefined ? {} : { 'content-length': String(contentLength) };
  }

  receive(sink: BodySink): void {
    this.sink = sink;
  }

  write(bytes: Buffer | string): void {
    this.sink!.chunk(Buffer.from(bytes as string));
  }

  end(bytes?: Buffer | string): void {
    if (bytes !== undefined) this.write(bytes);
    this.sink!.end();
    this.sink!.cut();
  }

  cut(): void {
    this.sink!.cut();
    this.sink!.end();
  }
}

describe('a body reader', () => {
  let reader: BodyReader;
  const open = (
    requestBytesMax: number,
    bufferedBytesMax = 1_000_000,
    requestTimeoutMs = 5_000,
  ): void => {
    reader = createBodyReader({ requestBytesMax, bufferedBytesMax, requestTimeoutMs });
  };
  const read = (request: Pick<Request, 'headers' | 'receive'>): Promise<Buffer> =>
    new Promise((resolve, reject) => reader.read(request, resolve, reject));

  afterEach(() => reader.close());

  test('takes the limit, and refuses one byte more, announced or not', async () => {
    open(10);
    const whole = new Request();
    const body = read(whole);
    whole.end(Buffer.alloc(10));
    expect((await body).length).toBe(10);
    await expect(read(new Request(11))).rejects.toMatchObject({ code: 'request_too_large' });
    const dribble = new Request();
    const answer = read(dribble);
    dribble.write(Buffer.alloc(6));
    dribble.write(Buffer.alloc(5));
    await expect(answer).rejects.toMatchObject({ code: 'request_too_large' });
  });

  test('joins what comes in pieces', async () => {
    open(100);
    const stream = new Request(6);
    const answer = read(stream);
    stream.write('abc');
    stream.end('def');
    expect((await answer).toString()).toBe('abcdef');
    const empty = new Request(0);
    const nothing = read(empty);
    empty.end();
    expect((await nothing).length).toBe(0);
  });

  test('bounds what all uploads hold together, and lets go of it', async () => {
    open(100, 150);
    const [first, second] = [new Request(), new Request()];
    const answers = [read(first), read(second)];
    first.write(Buffer.alloc(100));
    second.write(Buffer.alloc(60));
    await expect(answers[1]).rejects.toMatchObject({ code: 'overloaded' });
    first.end();
    await answers[0];
    const third = new Request();
    const again = read(third);
    third.end(Buffer.alloc(100));
    expect((await again).length).toBe(100);
  });

  test('ends an upload that takes too long', async () => {
    open(100, 1_000, 50);
    await expect(read(new Request())).rejects.toMatchObject({ code: 'request_timeout' });
  });

  test('takes one that is here at once by the same limits', async () => {
    const atOnce = (bytes: number): Pick<Request, 'headers' | 'receive'> => ({
      headers: {},
      receive: (sink) => {
        sink.chunk(Buffer.alloc(bytes));
        sink.end();
      },
    });
    open(10);
    expect((await read(atOnce(10))).length).toBe(10);
    await expect(read(atOnce(11))).rejects.toMatchObject({ code: 'request_too_large' });
    reader.close();
    open(10, 9, 20);
    await expect(read(atOnce(10))).rejects.toMatchObject({ code: 'overloaded' });
    expect((await read(atOnce(9))).length).toBe(9);
  });

  test('does not take a shortened upload for a whole one', async () => {
    open(100);
    const short = new Request(5);
    const answers = [read(short)];
    short.end('abc');
    const gone = new Request();
    answers.push(read(gone));
    gone.write('abc');
    gone.cut();
    for (const answer of answers) await expect(answer).rejects.toBeInstanceOf(CallerGone);
  });
});

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
