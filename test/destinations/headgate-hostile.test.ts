import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';

import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { EventResult_Status as Status } from '../../gen/headgate/v1/event_result_pb.ts';
import {
  ForwardRequestSchema,
  ForwardResponseSchema,
  GetContractsResponseSchema,
} from '../../gen/headgate/v1/relay_service_pb.ts';
import type { Outcome } from '../../src/destinations/destination.ts';
import { openFarContracts } from '../../src/destinations/headgate/far-contracts.ts';
import { createHeadgateDestination } from '../../src/destinations/headgate/headgate.ts';
import { deliverAll, deliveryOfEvent, storedEvent } from './deliveries.ts';
import { farGateSettings } from './headgate-far-side.ts';

const key = 'hg_key-of-the-relay';

/** Answers a request with bytes, and ends it as gRPC does unless it says otherwise. */
type Answer = (stream: http2.ServerHttp2Stream) => void;

let answer: Answer;
let onStream: Answer = () => undefined;
let requests = 0;
const server = http2.createServer();
server.on('stream', (stream) => {
  requests += 1;
  stream.on('error', () => undefined);
  onStream(stream);
  stream.resume().once('end', () => answer(stream));
});
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const head = { ':status': 200, 'content-type': 'application/grpc+proto' };

function frame(message: Uint8Array, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

function whole(bytes: Buffer): Answer {
  return (stream) => {
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(bytes);
  };
}

type Response = MessageInitShape<typeof ForwardResponseSchema>;

function messageOf(response: Response): Uint8Array {
  return toBinary(ForwardResponseSchema, create(ForwardResponseSchema, response));
}

const answers = (response: Response): Answer => whole(frame(messageOf(response)));

async function deliver(count: number, how: Answer): Promise<Outcome[]> {
  answer = how;
  requests = 0;
  const destination = createHeadgateDestination('out', farGateSettings(port, key));
  const events = Array.from({ length: count }, () => deliveryOfEvent(storedEvent()));
  try {
    return await deliverAll(destination, events);
  } finally {
    await destination.close();
  }
}

const { ACCEPTED, DUPLICATE, REJECTED, RETRY } = Status;

test.each([0, 2, 4])('%i verdicts on 3 events settle none of them', async (count) => {
  const statuses = Array.from({ length: count }, () => ACCEPTED);
  const outcomes = await deliver(3, answers({ statuses }));
  const reason = `127.0.0.1:${port}: it answered with ${count} verdicts on 3 events`;
  const retry = { kind: 'retry', fault: 'destination', reason };
  expect(outcomes).toEqual([retry, retry, retry]);
});

test('half of an answer settles no event', async () => {
  const message = messageOf({ statuses: [ACCEPTED, ACCEPTED, ACCEPTED] });
  const dies: Answer = (stream) => {
    stream.respond(head);
    stream.write(frame(message.subarray(0, 2), message.length), () => stream.session!.destroy());
  };
  const outcomes = await deliver(3, dies);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['retry', 'retry', 'retry']);
  expect(outcomes[0]).toMatchObject({ fault: 'destination' });
});

test('an answer without its end, the trailers, settles no event', async () => {
  const message = frame(messageOf({ statuses: [ACCEPTED, ACCEPTED] }));
  const ends: Answer = (stream) => {
    stream.respond(head);
    stream.end(message);
  };
  expect(await deliver(2, ends)).toMatchObject([{ kind: 'retry' }, { kind: 'retry' }]);
});

const accepted = frame(messageOf({ statuses: [ACCEPTED] }));
const endsWith = (trailers: http2.OutgoingHttpHeaders, bytes: Buffer): Answer => {
  return (stream) => {
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(bytes);
  };
};
const ok = { 'grpc-status': '0' };
const refusal = { 'grpc-status': '16', 'grpc-message': 'no%20key' };
const endings: readonly (readonly [string, Answer, RegExp])[] = [
  [
    'an error without a message',
    (stream) => stream.respond({ ...head, ...refusal }, { endStream: true }),
    /it answered Unauthenticated$/,
  ],
  [
    'an error behind a message',
    endsWith({ 'grpc-status': '8' }, accepted),
    /it answered ResourceExhausted$/,
  ],
  ['no message', endsWith(ok, Buffer.alloc(0)), /it answered Internal$/],
  ['two messages', endsWith(ok, Buffer.concat([accepted, accepted])), /it answered Internal$/],
  [
    'a compressed message',
    endsWith(ok, Buffer.from([1, ...accepted.subarray(1)])),
    /it answered Internal$/,
  ],
  ['bytes that are no message', endsWith(ok, frame(Buffer.from([0xff]))), /it answered Internal$/],
  [
    'an answer of a proxy',
    (stream) => {
      stream.respond({ ':status': 503 });
      stream.end('busy');
    },
    /it answered Unavailable$/,
  ],
  [
    'an answer that is not gRPC',
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('hi');
    },
    /it answered Unknown$/,
  ],
  [
    'a refused stream',
    (stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM),
    /no answer: ERR_HTTP2_STREAM_ERROR$/,
  ],
  [
    'a stream that is closed',
    (stream) => stream.close(http2.constants.NGHTTP2_CANCEL),
    /the connection broke off before the answer$/,
  ],
  [
    'a connection that ends',
    (stream) => stream.session!.destroy(),
    /(?:broke off before the answer|no answer: \w+)$/,
  ],
  ['silence', () => undefined, /no answer within 1000 ms$/],
];

test.each(endings)('%s: the event waits', async (_what, how, reason) => {
  const wanted = { kind: 'retry', fault: 'destination', reason: expect.stringMatching(reason) };
  expect(await deliver(1, how)).toMatchObject([wanted]);
});

test('a delivery that is aborted ends, before its request as well', async () => {
  answer = () => undefined;
  const destination = createHeadgateDestination('out', farGateSettings(port, key));
  try {
    const batch = [deliveryOfEvent(storedEvent())];
    const stopped = [{ kind: 'retry', reason: `127.0.0.1:${port}: the delivery was stopped` }];
    const early = await destination.deliver(batch, AbortSignal.abort());
    expect(early).toMatchObject(stopped);
    const controller = new AbortController();
    answer = () => controller.abort();
    expect(await destination.deliver(batch, controller.signal)).toMatchObject(stopped);
  } finally {
    await destination.close();
  }
});

test.each(['', 'host-7'])(
  'a request of the instance "%s" has each event byte for byte',
  async (instance) => {
    const sizes = [1, 127, 128, 16_383, 16_384, 300_000];
    const sent = sizes.map((size) => Buffer.alloc(size, size % 251));
    const chunks: Buffer[] = [];
    const destination = createHeadgateDestination('out', farGateSettings(port, key, { instance }));
    onStream = (stream) => void stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer = answers({ statuses: sizes.map(() => ACCEPTED) });
    try {
      const batch = sent.map((payload) => ({ ...deliveryOfEvent(storedEvent()), payload }));
      expect(await deliverAll(destination, batch)).toEqual(
        batch.map(() => ({ kind: 'delivered' })),
      );
    } finally {
      onStream = () => undefined;
      await destination.close();
    }
    const body = Buffer.concat(chunks);
    expect([body[0], body.readUInt32BE(1)]).toEqual([0, body.length - 5]);
    const request = create(ForwardRequestSchema, {
      events: sent as Uint8Array<ArrayBuffer>[],
      instance,
    });
    expect(body.subarray(5).equals(toBinary(ForwardRequestSchema, request))).toBe(true);
  },
);

test('a verdict that this version does not know waits, and says so', async () => {
  const outcomes = await deliver(4, answers({ statuses: [ACCEPTED, 9 as Status, DUPLICATE, 0] }));
  const unknown = (status: number) => ({
    kind: 'retry',
    fault: 'destination',
    status: 'unknown',
    // With a delay it is no attempt of the event: see delivery/parking.ts.
    notBeforeMs: 1_000,
    reason: `127.0.0.1:${port}: it answered with the status ${status}, which this version does not know`,
  });
  const delivered = { kind: 'delivered' };
  expect(outcomes).toEqual([delivered, unknown(9), delivered, unknown(0)]);
});

test('a refusal without a reason says so, and reasons of other events do not count', async () => {
  const error = { code: 'schema_violation', message: 'x' };
  const failures = [
    { index: 7, error },
    { index: 4_294_967_295, error },
  ];
  const outcomes = await deliver(2, answers({ statuses: [REJECTED, RETRY], failures }));
  expect(outcomes).toMatchObject([
    { kind: 'dead', reason: `rejected by 127.0.0.1:${port}: it gave no reason` },
    { kind: 'retry', reason: `127.0.0.1:${port}: it gave no reason`, notBeforeMs: 1_000 },
  ]);
});

test('an event with the verdict retry always waits, so that no attempt is spent', async () => {
  const error = { code: 'not_stored', message: 'x' };
  const delays = [undefined, 0, -5_000, 40, 90_000_000];
  const failures = delays.map((ms, index) => ({
    index,
    error,
    ...(ms !== undefined && { retryDelay: durationFromMs(ms) }),
  }));
  const statuses = delays.map(() => RETRY);
  const outcomes = await deliver(delays.length, answers({ statuses, failures }));
  expect(outcomes.map((one) => one.kind === 'retry' && one.notBeforeMs)).toEqual([
    1_000, 1_000, 1_000, 40, 90_000_000,
  ]);
});

test('a huge reason is shortened, on one line, without the key', async () => {
  const message = `${key}\n\u001b[31mred\u202e${'x'.repeat(1024 * 1024)}`;
  const violations = Array.from({ length: 1_000 }, () => ({ path: '/y', message: 'y' }));
  const error = { code: 'x'.repeat(100_000), message, violations };
  const failures = [0, 1].map((index) => ({ index, error }));
  const outcomes = await deliver(2, answers({ statuses: [REJECTED, RETRY], failures }));
  const shown = expect.stringMatching(/^[\x20-\x7e]{900,1100}$/);
  expect(outcomes).toMatchObject([
    { kind: 'dead', status: 'unknown', reason: shown },
    { kind: 'retry', status: 'unknown', reason: shown },
  ]);
  expect(JSON.stringify(outcomes)).not.toContain(key);
});

test.each([1_000, 1_001])('a reason of %i characters', async (characters) => {
  const message = 'x'.repeat(characters - 'a: '.length);
  const failures = [{ index: 0, error: { code: 'a', message } }];
  const [outcome] = await deliver(1, answers({ statuses: [REJECTED], failures }));
  const { reason } = outcome as { reason: string };
  expect(reason.endsWith('...')).toBe(characters > 1_000);
});

/** A message of a length: what it lacks is a field that this version does not know. */
function padded(known: Uint8Array, bytes: number): Uint8Array {
  const message = Buffer.alloc(bytes);
  message.set(known);
  // Field 15, length-delimited, with a length of four bytes.
  const rest = bytes - known.length - 5;
  message[known.length] = (15 << 3) | 2;
  for (let at = 0; at < 4; at += 1) {
    const part = (rest >> (7 * at)) & 0x7f;
    message[known.length + 1 + at] = at < 3 ? part | 0x80 : part;
  }
  return message;
}

const oneAccepted = messageOf({ statuses: [ACCEPTED] });
const answerBytesMax = 4 * 1024 * 1024;

test('an answer at its limit is read', async () => {
  const outcomes = await deliver(1, whole(frame(padded(oneAccepted, answerBytesMax))));
  expect(outcomes).toEqual([{ kind: 'delivered' }]);
});

test('a larger answer is not read: the batch is split, down to events that are refused', async () => {
  const outcomes = await deliver(2, whole(frame(padded(oneAccepted, answerBytesMax + 1))));
  const dead = { kind: 'dead', reason: `127.0.0.1:${port}: its answer is too large` };
  expect(outcomes).toMatchObject([dead, dead]);
  expect(requests).toBe(3);
});

test('a server without HTTP/2 is named, with what to look at', async () => {
  const web = http.createServer((_request, response) => response.end());
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { port: webPort } = web.address() as AddressInfo;
  const client = openFarContracts('out', farGateSettings(webPort, key));
  try {
    await expect(client.fetch('')).rejects.toThrow(
      /^127\.0\.0\.1:\d+: it does not speak HTTP\/2 \(ERR_HTTP2_ERROR\): correct the port, or .* proxy/,
    );
  } finally {
    client.close();
    web.close();
  }
});

test('a fault of contracts shows nothing of what the far side says but its reason', async () => {
  const client = openFarContracts('out', farGateSettings(port, key));
  answer = (stream) => {
    const quoted = encodeURIComponent(`got Bearer ${key}`);
    const trailers = { 'grpc-status': '16', 'grpc-message': quoted };
    stream.respond({ ...head, ...trailers }, { endStream: true });
  };
  try {
    const fault: unknown = await client.fetch('').catch((error: unknown) => error);
    expect(fault).toMatchObject({ message: `127.0.0.1:${port}: it answered Unauthenticated` });
    expect(inspect(fault, { depth: 10, showHidden: true })).not.toContain(key);
  } finally {
    client.close();
  }
});

test('contracts are read up to a limit', async () => {
  const client = openFarContracts('out', farGateSettings(port, key));
  try {
    const known = create(GetContractsResponseSchema, { revision: 'r1', contracts: {} });
    const bytes = 32 * 1024 * 1024;
    answer = whole(frame(padded(toBinary(GetContractsResponseSchema, known), bytes)));
    expect(await client.fetch('', 10_000)).toMatchObject({ revision: 'r1', events: [] });
    answer = whole(frame(Buffer.alloc(8), bytes + 1));
    await expect(client.fetch('')).rejects.toThrow('its answer is too large');
  } finally {
    client.close();
  }
});
