import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import { promisify } from 'node:util';

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openRawServer, type RawServer } from '../../src/http/http2/raw-peer.fixture.ts';
import type { Http2Stream } from '../../src/http/http2/stream.ts';

/* Our server before the clients that there are: Node's (nghttp2), curl's, @grpc/grpc-js. */

const sum = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');
const parsed = (bytes: Buffer): Record<string, unknown> =>
  JSON.parse(bytes.toString()) as Record<string, unknown>;

function serve(stream: Http2Stream): void {
  const path = String(stream.headers[':path']);
  const chunks: Buffer[] = [];
  stream.receive({
    chunk: (bytes) => {
      chunks.push(bytes);
      if (path !== '/stream') return;
      if (!stream.headersSent) stream.respond(200, { 'content-type': 'application/grpc' });
      stream.write(bytes);
    },
    end: () => {
      const body = Buffer.concat(chunks);
      if (path === '/headers') {
        stream.respond(200, {});
        stream.end(Buffer.from(JSON.stringify({ ...stream.headers, trailers: stream.trailers })));
      } else if (path === '/stream') stream.end(undefined, { 'grpc-status': '0' });
      else {
        stream.respond(200, { 'content-type': 'application/grpc', 'x-sum': sum(body) });
        stream.end(body, { 'grpc-status': '0' });
      }
    },
    cut: () => {},
  });
}

interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

async function call(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: Buffer | undefined,
  trailers?: http2.OutgoingHttpHeaders,
): Promise<Answer> {
  const stream = session.request(headers, { waitForTrailers: trailers !== undefined });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers!));
  const chunks: Buffer[] = [];
  const seen: Record<'response' | 'trailers', http2.IncomingHttpHeaders> = {
    response: {},
    trailers: {},
  };
  stream.on('response', (each) => (seen.response = each));
  stream.on('trailers', (each) => (seen.trailers = each));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(body);
  await once(stream, 'end');
  return { headers: seen.response, trailers: seen.trailers, body: Buffer.concat(chunks) };
}

const randomBytes = (size: number): Buffer => {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; at += 1) bytes[at] = (at * 31 + (at >>> 8)) & 0xff;
  return bytes;
};

let server: RawServer;

beforeAll(async () => {
  server = await openRawServer(serve);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  if (server.faults.length > 0) throw server.faults[0]!;
});

describe("Node's client", () => {
  test('thousands of calls at once on one connection', async () => {
    const session = http2.connect(`http://127.0.0.1:${server.port}`);
    const bodies = Array.from({ length: 5000 }, (_value, index) =>
      Buffer.from(`${index}`.repeat(1 + (index % 700))),
    );
    const answers = await Promise.all(
      bodies.map((body) => call(session, { ':path': '/', ':method': 'POST' }, body)),
    );
    const wrong = answers.filter(
      ({ body, headers, trailers }, index) =>
        !body.equals(bodies[index]!) ||
        headers['x-sum'] !== sum(body) ||
        trailers['grpc-status'] !== '0',
    );
    expect(wrong).toEqual([]);
    session.close();
  });

  test.each([
    ['windows as they are', {}],
    ['the smallest windows that still move', { initialWindowSize: 3000 }],
    ['large frames and windows', { initialWindowSize: 2 ** 24, maxFrameSize: 2 ** 20 }],
  ])('large bodies both ways, eight at once, with %s', async (_name, settings) => {
    const session = http2.connect(`http://127.0.0.1:${server.port}`, { settings });
    const body = randomBytes(4 * 1024 * 1024 + 77);
    const post = { ':path': '/', ':method': 'POST' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => call(session, post, body)));
    expect(answers.map(({ body: each }) => each.equals(body))).toEqual(
      Array.from({ length: 8 }, () => true),
    );
    session.close();
  });

  test('any headers and trailers from an indexing encoder, over one connection', async () => {
    const session = http2.connect(`http://127.0.0.1:${server.port}`);
    const name = fc.stringMatching(/^x-[a-z0-9-]{0,20}$/);
    const value = fc.stringMatching(/^[!-~]([ -~\u00a1-\u00ff]{0,80}[!-~])?$/);
    const fields = fc.dictionary(name, value, { maxKeys: 12 });
    await fc.assert(
      fc.asyncProperty(
        fields,
        fc.dictionary(name, value, { minKeys: 1, maxKeys: 3 }),
        async (headers, trailers) => {
          const answer = await call(
            session,
            { ...headers, ':path': '/headers', ':method': 'POST' },
            Buffer.from('a'),
            trailers,
          );
          const seen = parsed(answer.body);
          expect(seen).toMatchObject(headers);
          expect(seen['trailers']).toEqual(trailers);
        },
      ),
      { numRuns: 300 },
    );
    session.close();
  });

  test('a table of another size, changed twice', async () => {
    const session = http2.connect(`http://127.0.0.1:${server.port}`, {
      settings: { headerTableSize: 0 },
    });
    for (const headerTableSize of [100, 4096, 0, 65_536]) {
      const { headers } = await call(
        session,
        { ':path': '/', 'x-same': 'the same each time' },
        undefined,
      );
      expect(headers['x-sum']).toBe(sum(Buffer.alloc(0)));
      await new Promise<void>((resolve) => session.settings({ headerTableSize }, () => resolve()));
    }
    session.close();
  });

  test('cancelled calls leave nothing behind', async () => {
    const session = http2.connect(`http://127.0.0.1:${server.port}`);
    for (let round = 0; round < 5; round += 1) {
      const streams = Array.from({ length: 200 }, () => {
        const stream = session.request({ ':path': '/', ':method': 'POST' });
        stream.on('error', () => {});
        stream.write('a');
        stream.close(http2.constants.NGHTTP2_CANCEL);
        return once(stream, 'close');
      });
      await Promise.all(streams);
    }
    const answer = await call(session, { ':path': '/', ':method': 'POST' }, Buffer.from('still'));
    expect(answer.body.toString()).toBe('still');
    session.close();
  });
});

describe('@grpc/grpc-js', () => {
  const raw = (bytes: Buffer): Buffer => bytes;

  test('unary calls, including large ones', async () => {
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
    for (const size of [0, 10, 100_000, 5_000_000]) {
      const message = randomBytes(size);
      const answer = await new Promise<Buffer>((resolve, reject) => {
        client.makeUnaryRequest('/a.B/C', raw, raw, message, new Metadata(), (error, value) =>
          error === null ? resolve(value!) : reject(error),
        );
      });
      expect(answer.equals(message)).toBe(true);
    }
    client.close();
  });

  test('a bidirectional stream, message by message', async () => {
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const duplex = client.makeBidiStreamRequest('/stream', raw, raw);
    for (let turn = 0; turn < 20; turn += 1) {
      duplex.write(Buffer.from(`message ${turn}`));
      const [answer] = (await once(duplex, 'data')) as [Buffer];
      expect(answer.toString()).toBe(`message ${turn}`);
    }
    duplex.end();
    const [status] = (await once(duplex, 'status')) as [{ code: number }];
    expect(status.code).toBe(0);
    client.close();
  });
});

const hasCurl =
  spawnSync('curl', ['--version'], { encoding: 'utf8' }).stdout?.includes('HTTP2') ?? false;

test.skipIf(!hasCurl)('curl, with a body and without', async () => {
  const run = promisify(execFile);
  const common = ['-sS', '--http2-prior-knowledge', '-w', ' %{http_code} %{http_version}'];
  const url = `http://127.0.0.1:${server.port}`;
  expect((await run('curl', [...common, '-d', 'hello', `${url}/`])).stdout).toBe('hello 200 2');
  const { stdout } = await run('curl', [...common, '-H', 'x-name: value', `${url}/headers`]);
  expect(stdout).toContain('"x-name":"value"');
  expect(stdout).toMatch(/ 200 2$/);
});
