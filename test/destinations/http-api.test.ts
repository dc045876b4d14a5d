import { readFileSync } from 'node:fs';

import { expect, onTestFinished, test } from 'vitest';

import { readConfig } from '../../src/config/read-config.ts';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { createHttpApiDestination } from '../../src/destinations/http/http-api.ts';
import { httpApiType } from '../../src/destinations/http/type.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { StartError } from '../../src/errors.ts';
import { deliverAll, deliveryOf, deliveryOfEvent, storedEvent } from './deliveries.ts';
import { startHttpServer, type Responder } from './http-server.ts';
import { httpApiSettings } from './http-api-far-side.ts';

async function serve(respond: Responder) {
  const server = await startHttpServer(respond);
  onTestFinished(() => server.close());
  return server;
}

async function open(settings: DestinationSettings): Promise<Destination> {
  const destination = await createHttpApiDestination('crm', settings);
  onTestFinished(() => destination.close());
  return destination;
}

const ok: Responder = (_request, response) => void response.writeHead(200).end();

/** The examples of the page, as their reader would copy them, to a server on this machine. */
async function example(name: string, port: number, variables: Record<string, string>) {
  const page = readFileSync(new URL('../../docs/destinations/http.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml]) => yaml!);
  const yaml = blocks.find((block) => block.includes(`  ${name}:\n`))!;
  const local = yaml
    .replaceAll(/https:\/\/[a-z]+\.example/g, `http://127.0.0.1:${port}`)
    .replace('    type: http\n', '    type: http\n    allow_private_addresses: true\n');
  const config = readConfig({
    env: variables,
    configFile: 'headgate.yaml',
    readFile: () => local,
    destinationTypes,
  });
  return open(config.destinations[0]!.settings);
}

test('the example of a chat: a message made from the event', async () => {
  const server = await serve(ok);
  const destination = await example('chat', server.port, { CHAT_TOKEN: 'token-of-the-chat' });
  const outcomes = await deliverAll(destination, [
    deliveryOfEvent({ properties: { total: 1500 } }),
  ]);
  expect(outcomes).toEqual([{ kind: 'delivered' }]);
  const [{ url, headers, body }] = server.received as [(typeof server.received)[0]];
  expect(url).toBe('/api/messages');
  expect(headers).toMatchObject({
    authorization: 'Bearer token-of-the-chat',
    'content-type': 'application/json',
  });
  expect(JSON.parse(body.toString())).toEqual({ channel: 'sales', text: 'An order of 1500' });
});

test('the example of a CRM: the address has the user, and the id is the idempotency key', async () => {
  const server = await serve((request, response) => {
    response.writeHead(request.url.endsWith('gone') ? 404 : 200).end('no such contact');
  });
  const destination = await example('contacts', server.port, { CRM_KEY: 'key-of-the-crm' });
  const event = storedEvent({
    userId: 'a/../b é',
    properties: { email: 'a@example.com', name: 'A' },
  });
  const outcomes = await deliverAll(destination, [
    deliveryOf(JSON.stringify(event)),
    deliveryOfEvent({ userId: 'gone', properties: { email: 'x', name: 'y' } }),
    deliveryOfEvent({ userId: '..', properties: { email: 'x', name: 'y' } }),
  ]);
  expect(outcomes).toEqual([
    { kind: 'delivered' },
    { kind: 'dead', reason: 'answered 404: no such contact', status: '404' },
    { kind: 'dead', reason: 'the url needs /user_id, which the event has not' },
  ]);
  const [{ url, headers, body }] = server.received as [(typeof server.received)[0]];
  expect(url).toBe('/v2/contacts/a%2F..%2Fb%20%C3%A9');
  expect(headers).toMatchObject({
    'x-api-key': 'key-of-the-crm',
    'idempotency-key': event.eventId,
  });
  expect(JSON.parse(body.toString())).toEqual({ email: 'a@example.com', name: 'A' });
  expect(server.received).toHaveLength(2);
});

test('the example of NDJSON: lists, a token that is renewed, and a delay in the body', async () => {
  let token = 0;
  let refuse = 0;
  const server = await serve((request, response) => {
    if (request.url === '/oauth/token') {
      token += 1;
      response
        .writeHead(200)
        .end(JSON.stringify({ access_token: `token-${token}`, expires_in: 3600 }));
    } else if (request.headers.authorization !== 'Bearer token-2') response.writeHead(401).end();
    else if (refuse > 0) {
      refuse -= 1;
      response.writeHead(503).end('{"retry_in_ms":2500}');
    } else response.writeHead(202).end();
  });
  const destination = await example('lake', server.port, { LAKE_SECRET: 'secret-of-the-lake' });
  const events = [storedEvent(), storedEvent({ properties: { total: 7 } })];
  const deliveries = events.map((event) => deliveryOf(JSON.stringify(event)));
  const [first] = await deliverAll(destination, deliveries);
  expect(first).toMatchObject({ kind: 'retry', fault: 'destination', status: '401' });
  refuse = 1;
  const [second] = await deliverAll(destination, deliveries);
  expect(second).toMatchObject({ kind: 'retry', status: '503', notBeforeMs: 2500 });
  expect(await deliverAll(destination, deliveries)).toEqual([
    { kind: 'delivered' },
    { kind: 'delivered' },
  ]);
  const { headers, body } = server.received.at(-1)!;
  expect(headers['content-type']).toBe('application/x-ndjson');
  const lines = body.toString().trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
    events.map(({ eventId, properties }) => ({
      id: eventId,
      name: 'order_completed',
      data: properties,
    })),
  );
  expect(token).toBe(2);
  const asked = server.received.find(({ url }) => url === '/oauth/token')!;
  expect(asked.body.toString()).toBe('grant_type=client_credentials');
  expect(asked.headers.authorization).toBe(
    `Basic ${Buffer.from('headgate:secret-of-the-lake').toString('base64')}`,
  );
});

test('without a body, the event leaves with the names of producers and all its digits', async () => {
  const server = await serve(ok);
  const destination = await open(httpApiSettings(server.port));
  const payload =
    '{"eventId":"0190b5f0-7c4e-5d60-9f0a-2f1d6c1f6a11","eventName":"x","source":"s","timestamp":"2026-03-01T12:00:00.123Z",' +
    '"userId":"u","idempotencyKey":"k","properties":{"id":9007199254740993123,"n":1.10}}';
  await deliverAll(destination, [deliveryOf(payload)]);
  const text = server.received[0]!.body.toString();
  expect(text).toContain('"event_id":"0190b5f0');
  expect(text).toContain('"user_id":"u"');
  expect(text).toContain('"properties":{"id":9007199254740993123,"n":1.10}');
});

test.each([
  [204, {}, { kind: 'delivered' }],
  [302, {}, { kind: 'retry', fault: 'destination', status: '302' }],
  [401, {}, { kind: 'retry', fault: 'destination', status: '401' }],
  [404, {}, { kind: 'retry', fault: 'event', status: '404' }],
  [404, { success_statuses: '200-299,404' }, { kind: 'delivered' }],
  [409, { dead_statuses: '409' }, { kind: 'dead', status: '409' }],
  [422, {}, { kind: 'dead', status: '422' }],
  [429, {}, { kind: 'retry', fault: 'destination', notBeforeMs: 7000 }],
  [429, { retry_delay_unit: 'ms' }, { kind: 'retry', notBeforeMs: 7 }],
  [429, { retry_delay_header: 'X-Wait' }, { kind: 'retry', notBeforeMs: 1500 }],
  [500, {}, { kind: 'retry', fault: 'destination' }],
])('status %i with %o', async (status, settings, outcome) => {
  const server = await serve((_request, response) => {
    const headers = { location: '/elsewhere', 'retry-after': '7', 'x-wait': '1.5' };
    response.writeHead(status, headers).end('said');
  });
  const destination = await open(httpApiSettings(server.port, settings));
  expect(await deliverAll(destination, [deliveryOfEvent()])).toMatchObject([outcome]);
  expect(server.received).toHaveLength(1);
});

test('a body that fails, or is no text where text is wanted, is a dead letter of its event', async () => {
  const server = await serve(ok);
  const failing = await open(httpApiSettings(server.port, { body: 'properties.nothing' }));
  expect(await deliverAll(failing, [deliveryOfEvent()])).toEqual([
    { kind: 'dead', reason: 'body: the expression gave no result' },
  ]);
  const number = await open(
    httpApiSettings(server.port, { body: 'properties.total', body_format: 'text' }),
  );
  expect(await deliverAll(number, [deliveryOfEvent()])).toEqual([
    { kind: 'dead', reason: 'body: gave no text' },
  ]);
  const text = await open(
    httpApiSettings(server.port, {
      body: '"total " & $string(properties.total)',
      body_format: 'text',
    }),
  );
  expect(await deliverAll(text, [deliveryOfEvent()])).toEqual([{ kind: 'delivered' }]);
  expect(server.received[0]!.body.toString()).toBe('total 12.5');
});

test('secrets do not come back in a reason', async () => {
  const server = await serve((request, response) => {
    response.writeHead(400).end(`${request.url} ${JSON.stringify(request.headers)}`);
  });
  const destination = await open(
    httpApiSettings(server.port, {
      url: `http://127.0.0.1:${server.port}/in?key=query-secret`,
      headers: 'X-Api-Key: header-secret',
      basic_auth: 'ada:basic-secret',
    }),
  );
  const [outcome] = await deliverAll(destination, [deliveryOfEvent()]);
  expect(JSON.stringify(outcome)).not.toMatch(/-secret|YWRhOm/);
});

test.each([
  [{ url: 'ftp://api.example/x' }, /^destinations\.crm\.url: use http or https/],
  [{ url: 'nonsense' }, /crm\.url: it is not a URL/],
  [{ url: 'https://{/user_id}.example/x' }, /crm\.url: values of the event may stand in the path/],
  [{ url: 'https://a:b@api.example/x' }, /crm\.url: take the user and password out/],
  [{ url: 'https://api.example/{user_id}' }, /crm\.url: write \{\/user_id\}/],
  [{ url: 'https://api.example/{/user_id}', batch_events: 2 }, /crm\.url: with batch_events/],
  [{ method: 'GET' }, /crm\.method: use one of/],
  [{ headers: 'nonsense' }, /crm\.headers: line 1 is not "Name: value"/],
  [{ headers: 'A: b\nContent-Length: 7' }, /crm\.headers: line 2 sets content-length/],
  [{ headers: 'A: é' }, /crm\.headers: the value of a is not printable ASCII/],
  [{ bearer_token: 'a', basic_auth: 'a:b' }, /crm\.bearer_token: set one of/],
  [{ basic_auth: 'ada' }, /crm\.basic_auth: write user:password/],
  [{ oauth_client_id: 'a' }, /crm\.oauth_client_id: needs oauth_token_url/],
  [{ oauth_token_url: 'https://a.example' }, /crm\.oauth_client_id: is required/],
  [{ body: 'properties.(' }, /crm\.body: the expression is not JSONata: .* at character/],
  [{ format: 'avro' }, /crm\.format: use one of headgate, cloudevents/],
  [{ format: 'cloudevents', body: 'properties' }, /crm\.format: a body is set/],
  [{ format: 'cloudevents', body_format: 'text' }, /crm\.format: set body_format to json/],
  [{ body_format: 'xml' }, /crm\.body_format: use json, ndjson or text/],
  [{ success_statuses: '2xx' }, /crm\.success_statuses: 2xx is not a status or a range/],
  [{ retry_delay_unit: 'm' }, /crm\.retry_delay_unit: use s or ms/],
  [{ idempotency_header: 'I', batch_events: 2 }, /crm\.idempotency_header: an id holds for one/],
])('%o stops the start, and names the setting', async (settings, fault) => {
  const opened = createHttpApiDestination('crm', httpApiSettings(1, settings));
  await expect(opened).rejects.toThrow(fault);
  await expect(opened).rejects.toBeInstanceOf(StartError);
});

test('the type opens by its settings', async () => {
  const destination = await httpApiType.create('crm', httpApiSettings(1));
  await destination.close();
  expect(httpApiType.startsFrom ?? 'now').toBe('now');
});
