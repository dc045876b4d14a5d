import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { expectEventFailure, expectFailure } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';
import { answerOf, send, sessionOf } from './wire.ts';

const keys = { checkout: 'hg_checkout', checkoutOld: 'hg_checkout-old', billing: 'hg_billing' };

const yaml = `keys:
  - { source: checkout, hash: "${hashWriteKey(keys.checkout)}" }
  - { source: checkout, hash: "${hashWriteKey(keys.checkoutOld)}" }
  - { source: billing, hash: "${hashWriteKey(keys.billing)}", events: ["invoice_*"] }
`;

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

const ways: readonly (readonly [name: string, headers: (key: string) => Record<string, string>])[] =
  [
    ['Bearer', (key) => ({ authorization: `Bearer ${key}` })],
    ['bearer in small letters', (key) => ({ authorization: `bearer  ${key}` })],
    ['Basic, key as the user', (key) => ({ authorization: basic(`${key}:`) })],
    ['Basic, key as the user and no colon', (key) => ({ authorization: basic(key) })],
    ['x-write-key', (key) => ({ 'x-write-key': key })],
  ];

describe('write keys', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({ env: { HEADGATE_AUTH: 'keys' }, yaml });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  describe.for(wireEndpoints)('$name', (door) => {
    test.for(ways)('%s', async ([, headersOf]) => {
      for (const key of [keys.checkout, keys.checkoutOld]) {
        const after = await gate.last('EVENTS');
        const answer = await knock(gate.port, door, { events: [order()], headers: headersOf(key) });
        expect(answer.results[0]?.status, answer.raw).toBe('accepted');
        const [kept] = await gate.events(after);
        expect(kept!.subject).toBe('headgate.events.0.checkout.order_completed');
        expect(JSON.parse(kept!.bytes.toString())).toMatchObject({ source: 'checkout' });
        expect(kept!.header('Nats-Msg-Id')).toMatch(/^checkout:/);
      }
      const before = await gate.last('EVENTS');
      const wrong = await knock(gate.port, door, {
        events: [order()],
        headers: headersOf('hg_no'),
      });
      expectFailure(wrong, door, 'unauthenticated');
      expect(wrong.raw).not.toContain('hg_no');
      expect(await gate.last('EVENTS')).toBe(before);
    });

    test.for([
      ['no key', {}],
      ['an empty key', { authorization: 'Bearer ' }],
      ['another scheme', { authorization: `Digest ${keys.checkout}` }],
      ['the key as the password', { authorization: basic(`user:${keys.checkout}`) }],
      ['the hash in place of the key', { 'x-write-key': hashWriteKey(keys.checkout) }],
      ['an inherited name', { 'x-write-key': '__proto__' }],
      [
        'a wrong x-write-key beside a good Bearer',
        { 'x-write-key': 'hg_no', authorization: `Bearer ${keys.checkout}` },
      ],
    ] as const)('%s', async ([, headers]) => {
      const answer = await knock(gate.port, door, { events: [order()], headers: { ...headers } });
      expectFailure(answer, door, 'unauthenticated');
    });

    test('a key for some events accepts only those', async () => {
      const headers = { 'x-write-key': keys.billing };
      expectEventFailure(
        await knock(gate.port, door, { events: [order()], headers }),
        door,
        'event_not_allowed',
      );
      const after = await gate.last('EVENTS');
      const properties = { invoice_id: 'I-1', amount: 5, currency: 'EUR' };
      const event = order({ event_name: 'invoice_paid', properties });
      const answer = await knock(gate.port, door, { events: [event], headers });
      expect(answer.results[0]?.status).toBe('accepted');
      expect((await gate.events(after))[0]!.subject).toBe('headgate.events.0.billing.invoice_paid');
      expect((await gate.rejected()).at(-1)!.subject).toMatch(
        /^headgate\.rejected\.billing\.order_completed\.(refused|quarantined)\.\d+$/,
      );
    });
  });

  test('the same idempotency key from two sources is two events', async () => {
    const door = wireEndpoints[0]!;
    const properties = { invoice_id: 'I-1', amount: 5, currency: 'EUR' };
    const event = order({ event_name: 'invoice_paid', properties });
    const answers = await Promise.all(
      [keys.checkout, keys.billing].map((key) =>
        knock(gate.port, door, { events: [event], headers: { 'x-write-key': key } }),
      ),
    );
    expect(answers.map(({ results }) => results[0]!.status)).toEqual(['accepted', 'accepted']);
    expect(answers[0]!.results[0]!.event_id).not.toBe(answers[1]!.results[0]!.event_id);
  });

  test('answers an unauthorised sender before the upload ends, at every HTTP/2 endpoint', async () => {
    const doors = wireEndpoints.filter(({ version }) => version === '2');
    const answers = await Promise.all(
      doors.map((door) => {
        const headers = { ':method': 'POST', ':path': door.path, 'content-type': door.contentType };
        const stream = sessionOf(gate.port).request(headers);
        stream.write('x');
        return answerOf(stream);
      }),
    );
    answers.forEach((answer, index) => {
      const door = doors[index]!;
      expectFailure(door.read(answer), door, 'unauthenticated');
    });
  });

  test('health requires no key', async () => {
    const answer = await send({
      port: gate.port,
      version: '2',
      path: '/grpc.health.v1.Health/Check',
      headers: { 'content-type': 'application/grpc', te: 'trailers' },
      body: Buffer.alloc(5),
    });
    expect(answer.trailers['grpc-status']).toBe('0');
  });
});
