import net from 'node:net';
import { once } from 'node:events';
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { expectFailure } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order, type Sample } from './sample-events.ts';
import { send, sessionOf } from './wire.ts';
import { knock, wireEndpoints, type WireEndpoint } from './wire-endpoints.ts';

const requestBytesMax = 64 * 1024;
const eventBytesMax = 96 * 1024;

let gate: OpenGate;

beforeAll(async () => {
  gate = await openGate({
    env: {
      HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(requestBytesMax),
      HEADGATE_LIMITS_EVENT_BYTES_MAX: String(eventBytesMax),
    },
  });
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
});

/** One event whose message has exactly this length, without what frames it. Its context is padded. */
function bodyOfSize(door: WireEndpoint, size: number, frame: boolean): Buffer {
  const build = (pad: number): Buffer => {
    const body = door.encode([order({ user_id: 'u', context: { pad: 'x'.repeat(pad) } })]);
    return frame ? door.frame(body) : body;
  };
  size += frame ? door.frame(Buffer.alloc(0)).length : 0;
  // The numbers of a sample may be a digit longer than those of the previous one.
  let pad = size - 1000;
  for (let tries = 0; tries < 10; tries += 1) {
    const body = build(pad);
    if (body.length === size) return body;
    pad += size - body.length;
  }
  throw new Error('no body of this size');
}

describe('request bytes', () => {
  test.for(wireEndpoints)(
    'accepts the largest body, and refuses one byte more: $name',
    async (door) => {
      const largest = bodyOfSize(door, requestBytesMax, true);
      const taken = await knock(gate.port, door, { body: largest });
      expect(taken.results[0]?.status, taken.raw).toBe('accepted');
      const larger = bodyOfSize(door, requestBytesMax + 1, true);
      const refused = await knock(gate.port, door, { body: larger });
      expectFailure(refused, door, 'request_too_large');
      expect(refused.message).toContain(String(requestBytesMax));
    },
  );

  test.for(wireEndpoints)('the same without an announced length: $name', async (door) => {
    const chunked = door.version === '1.1' ? { 'transfer-encoding': 'chunked' } : {};
    const larger = bodyOfSize(door, requestBytesMax + 1, true);
    const refused = await knock(gate.port, door, { body: larger, headers: chunked });
    expectFailure(refused, door, 'request_too_large');
  });

  // The form of Connect's streams is refused at every size: test/protocol.
  test('of the JSON form of gRPC-Web, the frame does not count either', async () => {
    const knockWith = async (size: number): Promise<string> => {
      const event = { ...order(), context: { pad: '' } };
      const room = size - Buffer.byteLength(JSON.stringify({ event }));
      event.context.pad = 'x'.repeat(room);
      const message = Buffer.from(JSON.stringify({ event }));
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      const answer = await fetch(`${gate.url}/headgate.v1.TrackService/Track`, {
        method: 'POST',
        headers: { 'content-type': 'application/grpc-web+json' },
        body: Buffer.concat([prefix, message]),
      });
      return `${answer.status} ${await answer.text()}`;
    };
    expect(await knockWith(requestBytesMax)).toMatch(/grpc-status: 0/);
    expect(await knockWith(requestBytesMax + 1)).toMatch(/grpc-status: 8/);
  });

  const quickly = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
  const compressions: Record<string, (body: Buffer) => Buffer> = {
    gzip: (body) => gzipSync(body),
    deflate: (body) => deflateSync(body),
    br: (body) => brotliCompressSync(body, quickly),
    zstd: (body) => zstdCompressSync(body),
  };
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  const bombs: Record<string, Buffer> = {};
  for (const [name, compress] of Object.entries(compressions)) bombs[name] = compress(zeros);
  const cases = wireEndpoints.flatMap((door) =>
    Object.keys(compressions).map((encoding) => ({
      name: `${encoding} at ${door.name}`,
      door,
      encoding,
    })),
  );

  test.for(cases)('counted after decompression: $name', async ({ door, encoding }) => {
    const compress = compressions[encoding]!;
    const headers = { [door.encodingHeader]: encoding };
    const knockWith = (message: Buffer) =>
      knock(gate.port, door, { body: door.frame(message, true), headers });
    const taken = await knockWith(compress(bodyOfSize(door, requestBytesMax, false)));
    expect(taken.results[0]?.status, taken.raw).toBe('accepted');
    const refused = await knockWith(compress(bodyOfSize(door, requestBytesMax + 1, false)));
    expectFailure(refused, door, 'request_too_large');
    expectFailure(await knockWith(bombs[encoding]!), door, 'request_too_large');
    const cut = compress(door.encode([order()]));
    expectFailure(await knockWith(cut.subarray(0, cut.length - 4)), door, 'malformed_request');
    expectFailure(await knockWith(Buffer.from('not compressed')), door, 'malformed_request');
  });
});

describe('events', () => {
  const batchEndpoints = wireEndpoints.filter((door) => door.rpc === 'BatchTrack');

  test.for(batchEndpoints)(
    'the largest batch is taken, one event more is not: $name',
    async (door) => {
      await using large = await openGate();
      const few = Array.from({ length: 1000 }, () => order());
      const taken = await knock(large.port, door, { events: few });
      expect(taken.results.filter(({ status }) => status === 'accepted').length).toBe(1000);
      const refused = await knock(large.port, door, { events: [...few, order()] });
      expectFailure(refused, door, 'too_many_events');
      expect(refused.message).toMatch(/1001 events.*1000/);
      expect(await large.last('EVENTS')).toBe(1000);
    },
  );

  test('accepts the largest event, and refuses one byte more, counted as stored', async () => {
    await using small = await openGate({ env: { HEADGATE_LIMITS_EVENT_BYTES_MAX: '2KiB' } });
    const door = wireEndpoints.find(({ name }) => name === 'REST track HTTP/1.1')!;
    const headers = { 'x-correlation-id': 'c' };
    const event = (pad: string): Sample => order({ user_id: 'u', context: { pad } });
    await knock(small.port, door, { events: [event('')], headers });
    const [empty] = await small.events();
    const room = 2048 - empty!.bytes.length - 2;
    // The numbers of these samples have the same length, because one test makes them.
    const fitting = (by: number): Sample => ({
      ...event(`\u00e9${'x'.repeat(room + by)}`),
      properties: JSON.parse(empty!.bytes.toString()).properties,
    });
    const taken = await knock(small.port, door, { events: [fitting(0)], headers });
    expect(taken.http, taken.raw).toBe(202);
    expect((await small.events(1))[0]!.bytes.length).toBe(2048);
    const refused = await knock(small.port, door, { events: [fitting(1)], headers });
    expectFailure(refused, door, 'event_too_large');
    expect(refused.message).toMatch(/2049 bytes.*2048/);
  });
});

describe('headers', () => {
  const rest = (version: '1.1' | '2', padding: number) =>
    send({
      port: gate.port,
      version,
      path: '/v1/track',
      headers: { 'content-type': 'application/json', 'x-padding': 'x'.repeat(padding) },
      body: JSON.stringify(order()),
    });

  test('HTTP/1.1: accepts 30 KiB, and refuses more than 32 KiB', async () => {
    expect((await rest('1.1', 30 * 1024)).status).toBe(202);
    const refused = await rest('1.1', 33 * 1024);
    expect(refused.status).toBe(431);
    expect(refused.headers['content-type']).toBe('application/problem+json');
    expect(refused.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      status: 431,
      code: 'malformed_request',
    });
  });

  test('HTTP/2: refuses more than the connection allows, and continues to serve', async () => {
    expect((await rest('2', 30 * 1024)).status).toBe(202);
    const outcome = await rest('2', 100 * 1024).then(
      ({ status }) => status,
      () => 'closed',
    );
    expect(['closed', 431]).toContain(outcome);
    sessionOf(gate.port).destroy();
    expect((await rest('2', 0)).status).toBe(202);
  });
});

test('connections_max: serves one more connection only when another has closed', async () => {
  await using narrow = await openGate({ env: { HEADGATE_LIMITS_CONNECTIONS_MAX: '3' } });
  const open = async (): Promise<net.Socket> => {
    const socket = net.connect(narrow.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  const answered = (socket: net.Socket): Promise<string> =>
    new Promise((resolve) => {
      socket.once('data', (chunk) => resolve(chunk.toString().slice(0, 12)));
      socket.once('close', () => resolve('closed'));
      const body = JSON.stringify(order());
      socket.write(
        'POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
          `content-length: ${body.length}\r\n\r\n${body}`,
      );
    });
  const sockets = [await open(), await open(), await open()];
  for (const socket of sockets) expect(await answered(socket)).toBe('HTTP/1.1 202');
  expect(await answered(await open())).toBe('closed');
  sockets[0]!.destroy();
  await once(sockets[0]!, 'close');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const next = await open();
  expect(await answered(next)).toBe('HTTP/1.1 202');
  for (const socket of [...sockets, next]) socket.destroy();
});
