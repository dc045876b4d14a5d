import type { IncomingHttpHeaders } from 'node:http';

import { afterEach, describe, expect, test } from 'vitest';

import type { BodySink, HttpCall } from '../../http/http-call.ts';
import { CallerGone } from './caller-gone.ts';
import { createMemoryRoom } from './memory-room.ts';
import { createBodyReader, tooLargeForGate, type BodyReader } from './read-body.ts';
import { RequestMemory } from './request-memory.ts';

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
  let read: (request: Pick<Request, 'headers' | 'receive'>) => Promise<Buffer>;
  const open = (requestBytesMax: number, roomBytes = 1_000_000, requestTimeoutMs = 5_000): void => {
    reader = createBodyReader({ requestTimeoutMs });
    const room = createMemoryRoom({ bytesMax: roomBytes, onFull: () => {} });
    const host = { addressOf: () => 'a', groupOf: () => 'a', roomFor: () => room };
    const call = { connection: {}, whenAnswered: () => {} } as unknown as HttpCall;
    const tooLarge = (bytes: number) => tooLargeForGate(bytes, requestBytesMax);
    read = (request) =>
      new Promise((resolve, reject) => {
        const memory = (): RequestMemory => new RequestMemory(host, call, undefined, reject);
        reader.read(request, resolve, reject, { bytesMax: requestBytesMax, tooLarge, memory });
      });
  };

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

  test('counts a large upload, and ends it if there is no room', async () => {
    const bytes = 64 * 1024;
    const overhead = 4 * 1024;
    open(1_000_000, 3 * bytes + overhead);
    const fits = new Request();
    const first = read(fits);
    fits.write(Buffer.alloc(bytes));
    fits.write(Buffer.alloc(2 * bytes));
    const more = new Request();
    const second = read(more);
    more.write(Buffer.alloc(bytes + 1));
    // The room is the larger and older one's, which makes room.
    await expect(first).rejects.toMatchObject({ code: 'overloaded' });
    fits.end('more of it');
    more.end();
    expect((await second).length).toBe(bytes + 1);
    const tooMuch = new Request();
    const third = read(tooMuch);
    tooMuch.write(Buffer.alloc(3 * bytes));
    tooMuch.write(Buffer.alloc(1));
    await expect(third).rejects.toMatchObject({ code: 'overloaded' });
  });

  test('does not count what is small and here in a moment', async () => {
    open(1_000_000, 1);
    const whole = new Request();
    const body = read(whole);
    whole.write(Buffer.alloc(32 * 1024));
    whole.end(Buffer.alloc(32 * 1024));
    expect((await body).length).toBe(64 * 1024);
  });

  test('counts a small upload that is slow', async () => {
    open(1_000_000, 1);
    const slow = new Request();
    const body = read(slow);
    slow.write('a');
    await expect(body).rejects.toMatchObject({ code: 'overloaded' });
  });

  test('counts small uploads, too, once they hold much together', async () => {
    open(1_000_000, 1);
    const bytes = 64 * 1024;
    const uploads = Array.from({ length: 257 }, () => new Request());
    const bodies = uploads.map((upload) => read(upload));
    for (const upload of uploads) upload.write(Buffer.alloc(bytes));
    await expect(bodies.at(-1)).rejects.toMatchObject({ code: 'overloaded' });
    for (const upload of uploads.slice(0, -1)) upload.end();
    for (const body of bodies.slice(0, -1)) expect((await body).length).toBe(bytes);
  });

  test('ends an upload that takes too long', async () => {
    open(100, 1_000, 50);
    await expect(read(new Request())).rejects.toMatchObject({ code: 'request_timeout' });
  });

  test('applies the same limits to a body that is complete at once', async () => {
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
    open(100_000, 70_000);
    await expect(read(atOnce(70_000))).rejects.toMatchObject({ code: 'overloaded' });
    expect((await read(atOnce(64_000))).length).toBe(64_000);
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
