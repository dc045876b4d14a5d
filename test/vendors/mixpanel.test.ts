import Mixpanel from 'mixpanel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/** Mixpanel's SDK for Node: each event has its own callback, and the SDK does not retry. */
describe('Mixpanel', () => {
  let vendorGate: VendorGate;

  beforeAll(async () => {
    vendorGate = await openVendorGate({ HEADGATE_NATS_PUBLISH_TIMEOUT: '3s' });
  });

  afterAll(async () => {
    await vendorGate[Symbol.asyncDispose]();
  });

  const order = (id: string) => ({ order_id: id, total: 12.5, currency: 'EUR' });
  const time = Date.parse('2026-03-01T12:00:00.000Z');

  function client(verbose = false, token = shopKey): Mixpanel.Mixpanel {
    const { port } = vendorGate.gate;
    return Mixpanel.init(token, {
      protocol: 'http',
      host: '127.0.0.1',
      port,
      key: 'unused',
      verbose,
      keepAlive: false,
    } as Partial<Mixpanel.InitConfig>);
  }

  /** The errors that the SDK returns to its caller, if any. */
  function told(send: (callback: (error: unknown) => void) => void): Promise<string> {
    return new Promise((resolve) => {
      send((error) => {
        const errors = (Array.isArray(error) ? error : [error]).filter(Boolean);
        resolve(errors.map(String).join());
      });
    });
  }

  test.for([false, true])('each way of sending; verbose: %s', async (verbose) => {
    const mixpanel = client(verbose);
    const before = (await vendorGate.stored()).length;
    // An event of the same content and time would be recognised in the second run.
    const orderOf = (id: string) => order(`${id}-${verbose}`);
    const event = (id: string) => ({
      event: 'Order Completed',
      properties: { ...orderOf(id), distinct_id: 'u1', time: new Date(time) },
    });
    const outcomes = [
      await told((done) =>
        mixpanel.track(
          'Order Completed',
          { ...orderOf('A1'), distinct_id: 'u1', ip: '203.0.113.9' },
          done,
        ),
      ),
      await told((done) =>
        mixpanel.import(
          'Order Completed',
          new Date(time),
          { ...orderOf('A2'), distinct_id: 'u1' },
          done,
        ),
      ),
      await told((done) =>
        mixpanel.track_batch([event('A3'), event('A4')] as never, done as never),
      ),
      await told((done) =>
        mixpanel.import_batch([event('A5'), event('A6')] as never, done as never),
      ),
    ];
    expect(outcomes).toEqual(['', '', '', '']);
    const events = (await vendorGate.stored()).slice(before);
    expect(events).toMatchObject(
      ['A1', 'A2', 'A3', 'A4', 'A5', 'A6'].map((id) => ({
        eventName: 'order_completed',
        source: 'shop',
        userId: 'u1',
        properties: orderOf(id),
      })),
    );
    expect(events[0]).toMatchObject({
      context: { mixpanel: { mp_lib: 'node', ip: '203.0.113.9' } },
    });
    expect(events[1]).toMatchObject({ occurredAt: '2026-03-01T12:00:00.000Z' });
    expect(JSON.stringify(events)).not.toContain(shopKey);
  });

  test.for([false, true])(
    'a rejected event is reported, others stay; verbose: %s',
    async (verbose) => {
      const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
      const event = (properties: object) => ({
        event: 'Order Completed',
        properties: { ...properties, distinct_id: 'u2', time },
      });
      const outcome = await told((done) =>
        client(verbose).import_batch(
          [event(order(`B1-${verbose}`)), event({ order_id: 'B2' })] as never,
          done as never,
        ),
      );
      expect(outcome).toContain('schema_violation');
      expect(await vendorGate.stored()).toHaveLength(before[0]! + 1);
      const [kept] = (await vendorGate.rejected()).slice(before[1]);
      expect(kept).toMatchObject({
        code: 'schema_violation',
        kept: { properties: { order_id: 'B2' } },
      });
      expect(kept!.text).not.toContain(shopKey);
    },
  );

  test('reports an outage, and stores an event that is sent again with its id once', async () => {
    const before = (await vendorGate.stored()).length;
    const send = () =>
      told((done) =>
        client().track(
          'Order Completed',
          { ...order('C1'), distinct_id: 'u3', $insert_id: 'C1' },
          done,
        ),
      );
    const thaw = await vendorGate.gate.freezeServer();
    const first = await send();
    thaw();
    expect(first).toContain('not_stored');
    await expect.poll(send, { timeout: 30_000 }).toBe('');
    expect(await send()).toBe('');
    expect(await vendorGate.stored()).toHaveLength(before + 1);
  });

  test.for([false, true])(
    'updates of persons, groups and aliases; verbose: %s',
    async (verbose) => {
      const mixpanel = client(verbose);
      const before = (await vendorGate.stored()).length;
      const outcomes = [
        await told((done) =>
          mixpanel.people.set('u6', { plan: 'team', $email: 'a@example.com' }, done as never),
        ),
        await told((done) => mixpanel.people.set_once('u6', { first: '2026' }, done as never)),
        await told((done) =>
          mixpanel.groups.set('company', 'g1', { seats: 3 } as never, done as never),
        ),
        await told((done) => mixpanel.alias('u6', 'a6', done as never)),
      ];
      expect(outcomes).toEqual(['', '', '', '']);
      const events = (await vendorGate.stored()).slice(before);
      expect(events).toMatchObject([
        {
          eventName: 'user_identified',
          userId: 'u6',
          properties: { plan: 'team', $email: 'a@example.com' },
        },
        { eventName: 'user_identified', properties: { first: '2026' } },
        {
          eventName: 'group_identified',
          anonymousId: '$company_g1',
          properties: { seats: 3, group_type: 'company', group_id: 'g1' },
        },
        { eventName: 'user_aliased', userId: 'u6', properties: { previous_id: 'a6' } },
      ]);
      expect(JSON.stringify(events)).not.toContain(shopKey);
    },
  );

  test.for([false, true])(
    'an operation that is not taken is reported, and kept; verbose: %s',
    async (verbose) => {
      const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
      const outcome = await told((done) =>
        client(verbose).people.increment('u7', 'visits', 2, done as never),
      );
      expect(outcome).toContain('$add');
      expect(await vendorGate.stored()).toHaveLength(before[0]!);
      const [kept] = (await vendorGate.rejected()).slice(before[1]);
      expect(kept).toMatchObject({
        code: 'invalid_field',
        kept: { user_id: 'u7', context: { mixpanel: { $add: { visits: 2 } } } },
      });
      expect(kept!.text).not.toContain(shopKey);
    },
  );

  test('forms: the SDK for Python asks for JSON in the form, that for Java for one digit', async () => {
    const data = encodeURIComponent(
      JSON.stringify([{ $token: shopKey, $distinct_id: 'u8', $set: { a: 1 } }]),
    );
    const answerTo = async (path: string, body: string): Promise<string> => {
      const answer = await fetch(`${vendorGate.gate.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded;charset=utf8' },
        body,
      });
      return answer.text();
    };
    expect(await answerTo('/engage?ip=0', `data=${data}`)).toBe('1');
    const verbose = JSON.parse(await answerTo('/engage', `data=${data}&verbose=1&ip=0`)) as object;
    expect(verbose).toMatchObject({ status: 1, error: null });
    const broken = encodeURIComponent(JSON.stringify({ $token: shopKey, $set: { a: 1 } }));
    expect(JSON.parse(await answerTo('/engage?ip=0', `data=${broken}`))).toMatchObject({
      status: 0,
      error: expect.stringContaining('missing_identity'),
    });
  });

  test('the SDK reports an unknown token as an error', async () => {
    const unknown = await told((done) =>
      client(true, 'hg_nobody').track(
        'Order Completed',
        { ...order('D1'), distinct_id: 'u4' },
        done,
      ),
    );
    expect(unknown).toContain('unauthenticated');
  });
});
