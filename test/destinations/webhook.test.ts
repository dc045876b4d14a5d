import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StartError } from '../../src/errors.ts';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import { deliverAll, deliveryOf, deliveryOfEvent, never, storedEvent } from './deliveries.ts';
import { startHttpServer, type RealHttpServer } from './http-server.ts';
import { webhookSecret, webhookSettings } from './webhook-far-side.ts';

let server: RealHttpServer;
const opened: Destination[] = [];

function open(more: DestinationSettings = {}): Destination {
  const destination = createWebhookDestination('crm', webhookSettings(server.port, more));
  opened.push(destination);
  return destination;
}

beforeEach(async () => {
  server = await startHttpServer((_request, response) => void response.end());
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((destination) => destination.close()));
  await server.close();
});

describe('the request', () => {
  test('is a Standard Webhook with the stored event, byte for byte', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const event = storedEvent({ traceparent });
    const exact = '{"total":12345678901234567890.10,"text":"\\u00e9 é 漢 \\/"}';
    const holder = JSON.stringify({ ...event, properties: 0 });
    const payload = holder.replace('"properties":0', `"properties":${exact}`);
    await deliverAll(open(), [deliveryOf(payload)]);
    const [request] = server.received;
    expect(request?.body.toString()).toBe(
      `{"type":"order_completed","timestamp":"${event.timestamp}","data":${payload}}`,
    );
    expect(request?.url).toBe('/hooks?token=of-the-query');
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': expect.stringContaining('Headgate'),
      'webhook-id': event.eventId,
      traceparent: event.traceparent,
      'x-correlation-id': event.correlationId,
    });
    const age = Date.now() / 1000 - Number(request?.headers['webhook-timestamp']);
    expect(Math.abs(age)).toBeLessThan(5);
    const verifier = new Webhook(webhookSecret);
    const headers = request?.headers as Record<string, string>;
    const verified = verifier.verify(request?.body as Buffer, headers);
    expect(verified).toMatchObject({ type: 'order_completed' });
  });

  test('is signed with both secrets during a rotation', async () => {
    const previous = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
    await deliverAll(open({ secret_previous: previous }), [deliveryOfEvent()]);
    const [request] = server.received;
    for (const secret of [webhookSecret, previous]) {
      const headers = request?.headers as Record<string, string>;
      expect(new Webhook(secret).verify(request?.body as Buffer, headers)).toBeTypeOf('object');
    }
  });

  test('leaves out a correlation id that cannot stand in a header', async () => {
    const delivery = deliveryOfEvent({ correlationId: 'a\r\nx-evil: 1' });
    const outcomes = await deliverAll(open(), [delivery]);
    expect(outcomes).toEqual([{ kind: 'delivered' }]);
    expect(server.received[0]?.headers).not.toHaveProperty('x-correlation-id');
    expect(server.received[0]?.headers).not.toHaveProperty('x-evil');
  });

  test('never goes out for an id with a dot: its signature would be ambiguous', async () => {
    const outcomes = await deliverAll(open(), [deliveryOfEvent({ eventId: 'a.1' })]);
    expect(outcomes).toMatchObject([{ kind: 'dead' }]);
    expect(server.received).toEqual([]);
  });
});

describe('the answer', () => {
  test('a redirect is not followed', async () => {
    server.respond = ({ url }, response) => {
      if (url.startsWith('/elsewhere')) response.end();
      else response.writeHead(307, { location: '/elsewhere' }).end();
    };
    const outcomes = await deliverAll(open(), [deliveryOfEvent()]);
    expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination', status: '307' }]);
    expect(server.received).toHaveLength(1);
  });

  test('one refused event leaves the others delivered', async () => {
    const bad = deliveryOfEvent();
    server.respond = ({ headers }, response) => {
      response.writeHead(headers['webhook-id'] === bad.event().eventId ? 422 : 204).end();
    };
    const outcomes = await deliverAll(open(), [deliveryOfEvent(), bad, deliveryOfEvent()]);
    expect(outcomes).toMatchObject([
      { kind: 'delivered' },
      { kind: 'retry', fault: 'event', status: '422' },
      { kind: 'delivered' },
    ]);
  });

  test('Retry-After is passed on', async () => {
    server.respond = (_request, response) =>
      void response.writeHead(429, { 'retry-after': '9' }).end();
    const outcomes = await deliverAll(open(), [deliveryOfEvent()]);
    expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination', notBeforeMs: 9000 }]);
  });

  test.each([200, 500])('of an endless body only a little is read (%i)', async (status) => {
    let written = 0;
    server.respond = (_request, response) => {
      response.writeHead(status);
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const write = (): void => {
        while (!response.destroyed && written < 512 * 1024 * 1024) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
      };
      write();
    };
    const [outcome] = await deliverAll(open(), [deliveryOfEvent()]);
    expect(outcome?.kind).toBe(status === 200 ? 'delivered' : 'retry');
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test('a body that stalls does not take back a 2xx, nor outlast the timeout', async () => {
    server.respond = (_request, response) => void response.writeHead(200).write('{');
    const start = performance.now();
    const outcomes = await deliverAll(open({ timeout: 300 }), [deliveryOfEvent()]);
    expect(outcomes).toEqual([{ kind: 'delivered' }]);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('headers that trickle in end with the timeout', async () => {
    server.respond = (_request, response) => {
      const { socket } = response;
      socket?.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket?.write('x-a: b\r\n'), 50);
      socket?.on('close', () => clearInterval(timer));
    };
    const start = performance.now();
    const outcomes = await deliverAll(open({ timeout: 300 }), [deliveryOfEvent()]);
    expect(outcomes).toMatchObject([
      { kind: 'retry', fault: 'destination', reason: 'no answer within 300 ms' },
    ]);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('an answer that is no HTTP, or breaks off, is a fault of the destination', async () => {
    server.respond = (_request, response) => void response.socket?.end('SSH-2.0-OpenSSH\r\n');
    const garbage = await deliverAll(open(), [deliveryOfEvent()]);
    server.respond = (_request, response) => void response.socket?.destroy();
    const broken = await deliverAll(open(), [deliveryOfEvent()]);
    for (const outcome of [...garbage, ...broken]) {
      expect(outcome).toMatchObject({
        kind: 'retry',
        fault: 'destination',
        reason: expect.stringContaining(`no answer from 127.0.0.1:${server.port}`),
      });
    }
  });

  test('neither secret nor query gets into a reason, though the far side echoes them', async () => {
    server.respond = ({ url }, response) => {
      response.writeHead(404).end(`no route ${url} for ${webhookSecret} and "of-the-query"`);
    };
    const outcomes = await deliverAll(open(), [deliveryOfEvent()]);
    const text = JSON.stringify(outcomes);
    expect(text).toContain('no route /hooks?');
    expect(text).not.toContain('of-the-query');
    expect(text).not.toContain(webhookSecret);
  });

  test('connections are kept, and never more than concurrency', async () => {
    const ports = new Set<number | undefined>();
    let most = 0;
    let inProgress = 0;
    server.respond = (_request, response) => {
      ports.add(response.socket?.remotePort);
      most = Math.max(most, (inProgress += 1));
      setTimeout(() => {
        inProgress -= 1;
        response.end('ok');
      }, 2);
    };
    await deliverAll(
      open({ concurrency: 3 }),
      Array.from({ length: 60 }, () => deliveryOfEvent()),
    );
    expect(most).toBe(3);
    expect(ports.size).toBe(3);
  });
});

describe('private addresses', () => {
  const hosts = [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '[::]',
    '127.1',
  ];

  test.each(hosts)('%s is refused, and the event is kept', async (host) => {
    const url = `http://${host}:${server.port}/`;
    const outcomes = await deliverAll(open({ url, allow_private_addresses: false }), [
      deliveryOfEvent(),
    ]);
    expect(outcomes).toMatchObject([
      {
        kind: 'retry',
        fault: 'destination',
        reason: expect.stringMatching(/^address_refused: .*allow_private_addresses/),
      },
    ]);
    expect(server.received).toEqual([]);
  });

  const reachable = ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'];
  test.each(reachable)('%s is reached where allowed', async (host) => {
    const url = `http://${host}:${server.port}/`;
    expect(await deliverAll(open({ url }), [deliveryOfEvent()])).toEqual([{ kind: 'delivered' }]);
  });
});

function startFault(more: DestinationSettings): unknown {
  try {
    return open(more);
  } catch (error) {
    return error;
  }
}

describe('the start', () => {
  test.each([
    [{ url: 'nonsense' }, 'destinations.crm.url'],
    [{ url: 'ftp://files.example/?key=hidden' }, 'use http or https'],
    [{ url: 'https://user:hidden@crm.example/' }, 'take the user and password out'],
    [{ secret: 'hidden' }, 'openssl rand'],
    [{ secret: 'whsec_hidden' }, 'destinations.crm.secret:'],
    [{ secret_previous: 'hidden' }, 'destinations.crm.secret_previous:'],
    [{ concurrency: 0 }, 'from 1 to 256'],
    [{ timeout: 0 }, 'destinations.crm.timeout'],
  ])('refuses %j and says how to fix it', (more, text) => {
    const error = startFault(more);
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toContain(text);
    expect((error as Error).message).not.toContain('hidden');
  });
});

test('an abort during an attempt lets the next one through', async () => {
  const destination = open({ concurrency: 1 });
  server.respond = () => undefined;
  const abort = new AbortController();
  const stopped = destination.deliver([deliveryOfEvent()], abort.signal);
  setTimeout(() => abort.abort(), 20);
  expect(await stopped).toMatchObject([{ kind: 'retry', reason: 'the delivery was stopped' }]);
  server.respond = (_request, response) => void response.end();
  expect(await destination.deliver([deliveryOfEvent()], never)).toEqual([{ kind: 'delivered' }]);
});
