import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { until } from '../delivery/rig.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService, type RealService } from '../real-service.ts';

/** Other systems may quote these values; no log line may contain them. */
const planted = {
  writeKey: 'hg_planted-write-key-of-checkout',
  adminToken: 'planted-admin-token-of-operators',
  urlToken: 'planted-token-in-the-url',
  signingSecret: `whsec_${Buffer.from('planted-signing-secret-of-the-webhook').toString('base64')}`,
  email: 'planted.person@shop.example',
  bearer: 'Bearer planted0bearer1token2',
  urlPassword: 'planted-password',
};

const lines: string[] = [];
let receiver: RealHttpServer;
let real: RealService;

beforeAll(async () => {
  receiver = await startHttpServer(({ body }, response) => {
    // Like many receivers: the reason quotes the event.
    const text = `refused: ${body.toString().slice(-300)} ${planted.bearer} http://app:${planted.urlPassword}@db/x`;
    response.writeHead(body.includes('"order_id":"good"') ? 200 : 422).end(text);
  });
  real = await startRealService({
    env: {
      HEADGATE_AUTH: 'keys',
      HEADGATE_ADMIN_TOKEN: planted.adminToken,
      HEADGATE_LOG_LEVEL: 'debug',
    },
    yaml: `keys:
  - { source: checkout, hash: "${hashWriteKey(planted.writeKey)}" }
destinations:
  crm:
    type: webhook
    url: "http://127.0.0.1:${receiver.port}/hook?token=${planted.urlToken}"
    secret: "${planted.signingSecret}"
    allow_private_addresses: true
    retry: { attempts: 1 }
`,
    logger: createLogger('debug', { write: (line) => void lines.push(line) }),
  });
});

afterAll(async () => {
  await real[Symbol.asyncDispose]();
  await receiver.close();
});

interface Line {
  readonly [name: string]: unknown;
  readonly msg: string;
}

const read = (): Line[] => lines.map((line) => JSON.parse(line) as Line);

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${planted.writeKey}`,
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const withPerson = (orderId: string) =>
  order({
    user_id: planted.email,
    properties: { order_id: orderId, total: 49.5, currency: 'EUR' },
    context: { email: planted.email },
  });

test('writes one wide line for each failed attempt, and no line for an accepted event', async () => {
  const before = lines.length;
  const correlationId = randomUUID();
  const good = await post(withPerson('good'));
  expect([good.status, good.headers.get('x-correlation-id')]).toEqual([202, expect.any(String)]);
  const bad = await post(withPerson('bad'), { 'x-correlation-id': correlationId });
  expect([bad.status, bad.headers.get('x-correlation-id')]).toEqual([202, correlationId]);
  const told = await until(
    () => read().slice(before),
    (all) =>
      all.filter(({ msg }) => msg === 'delivery failed').length > 0 &&
      all.some(({ msg }) => msg === 'delivered'),
  );
  const { event_id: eventId } = (await bad.json()) as { event_id: string };
  expect(told.filter(({ msg }) => msg === 'delivery failed')).toEqual([
    expect.objectContaining({
      level: 'warn',
      destination: 'crm',
      outcome: 'dead',
      stream: 'EVENTS',
      sequence: 2,
      eventId,
      eventName: 'order_completed',
      correlationId,
      attempt: 1,
      durationMs: expect.any(Number),
      status: '422',
      error: expect.stringContaining('refused'),
    }),
  ]);
  // Successful calls have a line at level debug.
  expect(told.filter(({ msg }) => msg === 'delivered')).toEqual([
    expect.objectContaining({ level: 'debug', destination: 'crm', events: 1, delivered: 1 }),
  ]);
  expect(
    told.filter(({ msg }) => !/^(delivery failed|deliver.*|destination did not.*)$/.test(msg)),
  ).toEqual([]);
});

test('a flood of bad requests writes a few lines per second, and the number of lines left out', async () => {
  const before = lines.length;
  const startedMs = performance.now();
  const flood = 400;
  const statuses = new Set<number>();
  for (let sent = 0; sent < flood; sent += 50) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post(withPerson('good'), { authorization: 'Bearer wrong' })),
    );
    for (const answer of answers) {
      statuses.add(answer.status);
      await answer.body?.cancel();
    }
  }
  expect([...statuses]).toEqual([401]);
  const told = await until(
    () => read().slice(before),
    (all) => {
      const leftOut = all.filter(({ msg }) => msg === 'log lines left out');
      const written = all.filter(({ code }) => code === 'unauthenticated').length;
      return leftOut.reduce((sum, line) => sum + Number(line['leftOut']), written) === flood;
    },
  );
  const seconds = Math.ceil((performance.now() - startedMs) / 1_000) + 1;
  const written = told.filter(({ code }) => code === 'unauthenticated');
  expect(written.length).toBeLessThanOrEqual(20 * seconds);
  for (const line of written) expect(line['correlationId']).toEqual(expect.any(String));
});

test('no line contains a secret or personal data, whatever fails', async () => {
  const before = lines.length;
  const secrets = `${planted.email} ${planted.bearer} ${planted.writeKey}`;
  const bodies: unknown[] = [
    `{"event_name":"order_completed","user_id":"${secrets}`,
    { ...withPerson('bad'), [planted.email]: 1 },
    order({ user_id: planted.email, properties: { email: planted.email } }),
    order({ event_name: planted.email }),
    order({ idempotency_key: secrets }),
    withPerson('bad'),
  ];
  for (const body of bodies) await (await post(body)).body?.cancel();
  await (await fetch(`${real.url}/v1/nowhere?token=${planted.writeKey}`)).body?.cancel();
  const admin = await fetch(`${real.adminUrl}/metrics`, {
    headers: { authorization: planted.bearer },
  });
  expect(admin.status).toBe(401);
  expect(admin.headers.get('x-correlation-id')).toEqual(expect.any(String));
  await until(
    () => read().slice(before),
    (all) => all.some(({ msg }) => msg === 'delivery failed'),
  );
  const text = lines.join('');
  const found = Object.values(planted).filter((secret) =>
    text.includes(secret.replace('Bearer ', '')),
  );
  expect(found).toEqual([]);
  // Errors were logged, so masking is what hides the values.
  expect(text).toContain('***@***');
});
