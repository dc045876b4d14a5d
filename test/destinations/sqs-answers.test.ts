import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Destination } from '../../src/destinations/destination.ts';
import { createSqsDestination } from '../../src/destinations/sqs/sqs.ts';
import { awsEnvironment } from '../clouds/engine-folder.ts';
import { sqsSettings } from '../clouds/sqs-far-side.ts';
import { deliveryOfEvent, never } from './deliveries.ts';
import { startHttpServer, type RealHttpServer } from './http-server.ts';

interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** Answers that a fake of SQS does not give, from an HTTP server in its place. */
let server: RealHttpServer;
let destination: Destination;
let status = 200;
let answer: object | ((entries: readonly Entry[]) => object) = {};
const written: unknown[] = [];

beforeAll(async () => {
  for (const [name, text] of Object.entries(awsEnvironment)) vi.stubEnv(name, text);
  for (const method of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((...values) => void written.push(values));
  }
  server = await startHttpServer(({ body }, response) => {
    const { Entries } = JSON.parse(body.toString()) as { Entries: Entry[] };
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(typeof answer === 'function' ? answer(Entries) : answer));
  });
  const url = `http://127.0.0.1:${server.port}/123456789012/events`;
  destination = await createSqsDestination('queue', sqsSettings(url));
});
afterAll(async () => {
  await destination.close();
  await server.close();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const deliver = (events: number) =>
  destination.deliver(
    Array.from({ length: events }, () => deliveryOfEvent()),
    never,
  );

test('each message is settled by its own answer', async () => {
  status = 200;
  answer = (entries) => ({
    // The client compares the hash with what it sent.
    Successful: [{ Id: '0', MD5OfMessageBody: md5(entries[0]!.MessageBody) }],
    Failed: [
      { Id: '1', SenderFault: true, Code: 'InvalidMessageContents', Message: 'no' },
      { Id: '2', SenderFault: false, Code: 'InternalError' },
    ],
  });
  expect(await deliver(4)).toMatchObject([
    { kind: 'delivered' },
    { kind: 'dead', status: 'InvalidMessageContents' },
    { kind: 'retry', fault: 'destination', status: 'InternalError' },
    // Not in the answer at all.
    { kind: 'retry', fault: 'destination' },
  ]);
});

describe.each([
  [400, 'ThrottlingException'],
  [403, 'RequestThrottled'],
  [503, 'ServiceUnavailable'],
  [403, 'AccessDeniedException'],
  [403, 'InvalidClientTokenId'],
  [403, 'SignatureDoesNotMatch'],
])('%i %s', (code, type) => {
  test('is a fault of the destination, and spends no attempts of the events', async () => {
    status = code;
    const { AWS_ACCESS_KEY_ID: id } = awsEnvironment;
    answer = {
      __type: `com.amazonaws.sqs#${type}`,
      message: `not now${type === 'SignatureDoesNotMatch' ? id : ''}`,
    };
    const before = server.received.length;
    const outcomes = await deliver(2);
    const expected = { kind: 'retry', fault: 'destination', reason: expect.stringContaining(type) };
    expect(outcomes).toMatchObject([expected, expected]);
    expect(server.received.length - before).toBeLessThanOrEqual(2);
    const { AWS_SECRET_ACCESS_KEY: secret } = awsEnvironment;
    for (const one of [id, secret]) expect(JSON.stringify(outcomes)).not.toContain(one);
  });
});

test('a request never has more than ten messages or 1 MiB', async () => {
  status = 200;
  answer = {};
  const before = server.received.length;
  const text = 'x'.repeat(300_000);
  const events = Array.from({ length: 10 }, () => deliveryOfEvent({ properties: { text } }));
  await destination.deliver(events, never);
  const bodies = server.received.slice(before).map(({ body }) => JSON.parse(body.toString()));
  // After the first, which the server did not confirm, nothing more is sent.
  expect(bodies.map(({ Entries }) => Entries.length)).toEqual([3]);
  expect(destination.batchEventsMax).toBe(10);
});

test('without credentials it says so, and writes nothing to the console', async () => {
  for (const name of Object.keys(awsEnvironment)) vi.stubEnv(name, '');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('HOME', '/nowhere');
  const url = `http://127.0.0.1:${server.port}/123456789012/events`;
  const other = await createSqsDestination('queue', sqsSettings(url));
  const outcomes = await other.deliver([deliveryOfEvent()], never);
  await other.close();
  const reason = expect.stringContaining('CredentialsProviderError');
  expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination', reason }]);
  expect(written).toEqual([]);
});

test('a queue whose region is not known stops the start, and says what to set', async () => {
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION']) vi.stubEnv(name, '');
  vi.stubEnv('HOME', '/nowhere');
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');
  const settings = sqsSettings('http://127.0.0.1:1/1/events', { region: null });
  await expect(createSqsDestination('queue', settings)).rejects.toThrow(
    'destinations.queue.region: queue_url has no region in it. Set region, or AWS_REGION',
  );
});
