import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openGate, type Kept, type OpenGate } from './open-gate.ts';
import { order, type Sample } from './sample-events.ts';
import { eventBytes, isNdjson, knock, wireEndpoints, type WireEndpoint } from './wire-endpoints.ts';

/** A rejected event is kept with its reasons, byte for byte as it was sent. */
describe('REJECTED', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate();
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  /** Sends an event and returns what the gate kept of it. */
  const keep = async (door: WireEndpoint, body: Buffer): Promise<Kept[]> => {
    const after = await gate.last('REJECTED');
    const headers = { 'x-correlation-id': 'c/rejected', traceparent };
    await knock(gate.port, door, { body: door.frame(body), headers });
    return gate.rejected(after);
  };

  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const bad = (): Sample => order({ user_id: 'n/a', anonymous_id: 'Zo\u00eb \u{1f600}' });

  const families = {
    grpc: 'grpc',
    'grpc-web': 'grpc_web',
    connect: 'connect',
    rest: 'rest',
  } as const;

  test.for(wireEndpoints)('keeps reasons and whereabouts: $name', async (door) => {
    const event = bad();
    const [kept, ...others] = await keep(door, door.encode([event]));
    expect(others).toEqual([]);
    // Only the sender of one event gets an error that it cannot overlook.
    const kind = door.rpc === 'Track' ? 'refused' : 'quarantined';
    expect(kept!.subject.replace(/\.\d+$/, '.SIZE')).toBe(
      `headgate.rejected.default.order_completed.${kind}.SIZE`,
    );
    expect(kept!.header('Headgate-Error-Code')).toBe('missing_identity');
    expect(JSON.parse(kept!.header('Headgate-Error'))).toMatchObject({
      code: 'missing_identity',
      violations: [{ path: '/user_id', code: 'placeholder' }],
    });
    expect(kept!.header('Headgate-Event-Name')).toBe('order_completed');
    expect(kept!.header('Headgate-Idempotency-Key')).toBe(event['idempotency_key']);
    expect(kept!.header('Headgate-Correlation-Id')).toBe('c/rejected');
    expect(kept!.header('traceparent')).toBe(traceparent);
    expect(kept!.header('Headgate-Door')).toBe(families[door.family]);
    expect(kept!.header('Headgate-Content-Type')).toBe(door.contentType.split(';')[0]);
    const age = Date.now() - Date.parse(kept!.header('Headgate-Received-At'));
    expect(Math.abs(age)).toBeLessThan(10_000);
  });

  const protoEndpoints = wireEndpoints.filter((door) => /gRPC|proto/.test(door.name));

  test.for(protoEndpoints)('protocol buffers, byte for byte: $name', async (door) => {
    const events = door.rpc === 'Track' ? [bad()] : [order(), bad(), order(), bad()];
    const [first, second] = await keep(door, door.encode(events));
    if (door.rpc === 'Track') expect(first!.bytes).toEqual(door.encode(events));
    else
      expect([first!.bytes, second!.bytes]).toEqual([
        eventBytes(events[1]!),
        eventBytes(events[3]!),
      ]);
  });

  const restTracks = wireEndpoints.filter((door) => door.name.startsWith('REST track'));
  const ndjsons = wireEndpoints.filter(isNdjson);
  const jsonBatches = wireEndpoints.filter((door) =>
    /REST batch|Connect json Batch/.test(door.name),
  );

  /** Spaces, a repeated name, escapes and a long number, which parsing would lose. */
  const odd = (name: string): string =>
    `{ "${name}":"a", "${name}" : "not_Snake","x":[1,{"y":"]}\\u00e9\\""}] ,"n":1.50e3,"z":12345678901234567890 }`;

  test.for(restTracks)('one event of JSON, byte for byte: $name', async (door) => {
    for (const text of [`\n ${odd('event_name')}\t\n`, '{}', '{"event_name":5}', '{"events":[]}']) {
      const [kept] = await keep(door, Buffer.from(text));
      expect(kept!.bytes.toString('utf8')).toBe(text);
    }
  });

  test.for(ndjsons)('each line, byte for byte: $name', async (door) => {
    const noUtf8 = Buffer.concat([
      Buffer.from('{"user_id":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const lines = [
      Buffer.from(odd('event_name')),
      Buffer.from('{"cut":'),
      noUtf8,
      Buffer.from('[1, 2]'),
      Buffer.from('"\u00e9"'),
      Buffer.from('null'),
    ];
    const good = Buffer.from(JSON.stringify(order()));
    const parts = [good, ...lines, good].flatMap((line, index) => [
      line,
      Buffer.from(index % 2 === 0 ? '\n' : '\r\n\n'),
    ]);
    const kept = await keep(door, Buffer.concat(parts));
    expect(kept.map(({ bytes }) => bytes.toString('latin1').trim())).toEqual(
      lines.map((line) => line.toString('latin1')),
    );
  });

  test.for(jsonBatches)('an element of a batch, byte for byte: $name', async (door) => {
    const isConnect = door.family === 'connect';
    const elements = [
      odd(isConnect ? 'eventName' : 'event_name'),
      '5',
      '[]',
      '"a,]}"',
      'null',
      '{}',
      '-1e3',
    ];
    const good = JSON.stringify(order());
    const text = `{"context":{"events":[9]}, "\\u0065vents" : [ ${good} ,${elements.join(' ,\n')}] }`;
    const kept = await keep(door, Buffer.from(text));
    expect(kept.map(({ bytes }) => bytes.toString('utf8'))).toEqual(elements);
  });

  test('files all names outside the taxonomy together', async () => {
    for (const name of ['order_paid', 'a.b.*.>', 'x\r\ny: z', '\u00e9'.repeat(500), ' ']) {
      const event = order({ event_name: name });
      const [kept] = await keep(restTracks[0]!, Buffer.from(JSON.stringify(event)));
      expect(kept!.subject).toMatch(/^headgate\.rejected\.default\._unplanned\.refused\.\d+$/);
      expect(kept!.bytes.toString('utf8')).toBe(JSON.stringify(event));
      expect(kept!.header('Headgate-Event-Name').length).toBeLessThanOrEqual(128 * 6);
    }
  });

  test('keeps a rejected event each time it is sent, and never in EVENTS', async () => {
    const before = await gate.last('EVENTS');
    const body = Buffer.from(JSON.stringify(bad()));
    const kept = [await keep(restTracks[0]!, body), await keep(restTracks[1]!, body)].flat();
    expect(kept.length).toBe(2);
    expect(await gate.last('EVENTS')).toBe(before);
  });
});
