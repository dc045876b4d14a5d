import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { CloudEvent, HTTP, type Message } from 'cloudevents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/** CloudEvents as their official package writes them, in each of HTTP's three modes. */
describe('CloudEvents', () => {
  let vendorGate: VendorGate;

  beforeAll(async () => {
    vendorGate = await openVendorGate();
  });

  afterAll(async () => {
    await vendorGate[Symbol.asyncDispose]();
  });

  const order = (id: string) => ({ order_id: id, total: 12.5, currency: 'EUR' });
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  const cloudEvent = (fields: object = {}): CloudEvent<unknown> =>
    new CloudEvent({
      type: 'com.example.order.completed',
      source: '/shop',
      id: randomUUID(),
      time: '2026-03-01T12:00:00.000Z',
      subject: 'u1',
      data: order('A1'),
      ...fields,
    });

  async function send(
    { headers, body }: Pick<Message, 'headers' | 'body'>,
    more: Record<string, string> = {},
  ): Promise<{ status: number; body: Record<string, never> }> {
    const answer = await fetch(`${vendorGate.gate.url}/v1/cloudevents`, {
      method: 'POST',
      headers: {
        ...(headers as Record<string, string>),
        authorization: `Bearer ${shopKey}`,
        ...more,
      },
      body: body as string,
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, never> };
  }

  const modes = [
    ['binary', (event: CloudEvent<unknown>) => HTTP.binary(event)],
    ['structured', (event: CloudEvent<unknown>) => HTTP.structured(event)],
    [
      'batched',
      (event: CloudEvent<unknown>) => ({
        headers: { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' },
        body: JSON.stringify([event]),
      }),
    ],
  ] as const;

  test.for(modes)('%s', async ([mode, write]) => {
    const before = (await vendorGate.stored()).length;
    const id = randomUUID();
    const message = write(cloudEvent({ id, traceparent: trace, comexampleregion: 'north' }));
    const answer = await send(message);
    expect(answer.status).toBe(202);
    const again = await send(message);
    const result = mode === 'batched' ? (again.body['results']! as never[])[0]! : again.body;
    expect(result).toMatchObject({ status: 'duplicate', idempotency_key: id });
    const events = (await vendorGate.stored()).slice(before);
    expect(events).toHaveLength(1);
    // A batch has many events but one trace: the trace of its request.
    const traces = mode === 'batched' ? [undefined] : [trace];
    expect(events.map(({ traceparent }) => traceparent)).toEqual(traces);
    expect(events[0]).toMatchObject({
      eventName: 'order_completed',
      source: 'shop',
      userId: 'u1',
      occurredAt: '2026-03-01T12:00:00.000Z',
      properties: order('A1'),
      context: {
        cloudevents: { type: 'com.example.order.completed', source: '/shop', traceparent: trace },
      },
    });
  });

  test('ids that are not UUIDs are distinguished by their source', async () => {
    const of = async (source: string, id: string): Promise<string> => {
      const { status, body } = await send(HTTP.structured(cloudEvent({ source, id })));
      expect(status).toBe(202);
      return `${body['status']!}`;
    };
    expect(await of('/shop', '1')).toBe('accepted');
    expect(await of('/till', '1')).toBe('accepted');
    expect(await of('/shop', '1')).toBe('duplicate');
  });

  test('reads extension attributes for fields that CloudEvents does not define', async () => {
    const event = cloudEvent({
      type: 'x',
      subject: 'orders/1',
      eventname: 'order_completed',
      anonymousid: 'a1',
      schemaversion: 2,
    });
    const { status } = await send(HTTP.binary(event));
    expect(status).toBe(202);
    expect((await vendorGate.stored()).at(-1)).toMatchObject({
      eventName: 'order_completed',
      anonymousId: 'a1',
      schemaVersion: 2,
      context: { cloudevents: { subject: 'orders/1' } },
    });
  });

  test('decodes percent-encoding in headers', async () => {
    const message = HTTP.binary(cloudEvent());
    const { status } = await send(message, { 'ce-subject': 'Zo%C3%AB%20%F0%9F%98%80' });
    expect(status).toBe(202);
    expect((await vendorGate.stored()).at(-1)).toMatchObject({ userId: 'Zo\u00eb \u{1f600}' });
  });

  test('keeps all digits of numbers in binary mode', async () => {
    const message = HTTP.binary(cloudEvent());
    const body = '{"order_id":"N1","total":12345678901234567890.5,"currency":"EUR"}';
    expect((await send({ ...message, body })).status).toBe(202);
    const [last] = (await vendorGate.gate.events()).slice(-1);
    expect(last!.bytes.toString()).toContain('12345678901234567890.5');
  });

  test('accepts compressed bodies', async () => {
    const { headers, body } = HTTP.structured(cloudEvent());
    const packed = gzipSync(body as string) as never;
    expect((await send({ headers, body: packed }, { 'content-encoding': 'gzip' })).status).toBe(
      202,
    );
  });

  const bad = [
    ['no id', { specversion: '1.0', source: '/s', type: 'order.completed' }, '/id'],
    ['another version', { specversion: '0.3', id: '1', source: '/s', type: 't' }, '/specversion'],
    ['data that is no object', { ...cloudEvent().toJSON(), data: [1] }, '/data'],
    ['bytes', { ...cloudEvent().toJSON(), data: undefined, data_base64: 'AA==' }, '/data_base64'],
    [
      'data that is no JSON',
      { ...cloudEvent().toJSON(), datacontenttype: 'text/xml' },
      '/datacontenttype',
    ],
  ] as const;

  test.for(bad)('is rejected and kept: %s', async ([, event, path]) => {
    const before = (await vendorGate.rejected()).length;
    const headers = { 'content-type': 'application/cloudevents+json' };
    const { status, body } = await send({ headers, body: JSON.stringify(event) });
    expect([status, body['code']]).toEqual([422, 'invalid_field']);
    expect(body['violations']).toMatchObject([{ path }]);
    expect(await vendorGate.rejected()).toHaveLength(before + 1);
  });

  test('a rejected event in a batch does not affect the others', async () => {
    const headers = { 'content-type': 'application/cloudevents-batch+json' };
    const bad = cloudEvent({ data: { order_id: 'B1' } });
    const mixed = await send({ headers, body: JSON.stringify([cloudEvent(), bad]) });
    expect([mixed.status, mixed.body['accepted'], mixed.body['rejected']]).toEqual([207, 1, 1]);
    const none = await send({ headers, body: JSON.stringify([bad]) });
    expect(none.status).toBe(422);
  });

  test('refuses a request that is not a CloudEvent', async () => {
    const json = { 'content-type': 'application/json' };
    expect((await send({ headers: json, body: '{}' })).body['code']).toBe('unsupported_media_type');
    const binary = HTTP.binary(cloudEvent());
    const twice = await send({ ...binary, body: '{},"id":"x"' });
    expect(twice.body['code']).toBe('malformed_request');
    const text = await send(binary, { 'content-type': 'text/plain' });
    expect(text.body['code']).toBe('unsupported_media_type');
  });
});
