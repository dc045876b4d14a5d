import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { expectFailure } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';

/* The JSON of an RPC means the same in each protocol: Connect, gRPC and gRPC-Web. */

let gate: OpenGate;

beforeAll(async () => {
  gate = await openGate();
});

afterAll(() => gate[Symbol.asyncDispose]());

const doors = wireEndpoints.filter(({ codec, family }) => codec === 'json' && family !== 'rest');
const batches = doors.filter(({ rpc }) => rpc === 'BatchTrack');

/** Text, because JavaScript has no such objects and no such numbers. */
const event = (properties = '"method":"sso"'): string =>
  `{"eventName":"user_signed_up","userId":"u","idempotencyKey":"${randomUUID()}","properties":{${properties}}}`;

describe('the JSON of an RPC', () => {
  test('has a case for each protocol', () => {
    expect(new Set(doors.map(({ family }) => family))).toEqual(
      new Set(['grpc', 'grpc-web', 'connect']),
    );
  });

  test.for(doors)('with a member twice is refused, and nothing is stored: $name', async (door) => {
    const name = door.rpc === 'Track' ? 'event' : 'events';
    const value = (): string => (door.rpc === 'Track' ? event() : `[${event()}]`);
    const after = await gate.last('EVENTS');
    for (const second of [`"${name}"`, `"\\u0065${name.slice(1)}"`]) {
      const text = `{"${name}":${value()},${second}:${value()}}`;
      const answer = await knock(gate.port, door, { body: door.frame(Buffer.from(text)) });
      expectFailure(answer, door, 'malformed_request');
      expect(answer.message).toContain(`"${name}" twice`);
    }
    expect(await gate.last('EVENTS')).toBe(after);
  });

  test.for(batches)('with an event that is no JSON stores the others: $name', async (door) => {
    const body = door.frame(Buffer.from(`{"events":[${event()},{"n":NaN},${event()}]}`));
    const { results } = await knock(gate.port, door, { body });
    expect(results.map(({ status }) => status)).toEqual(['accepted', 'rejected', 'accepted']);
    expect(results[1]!.error!.code).toBe('invalid_field');
  });

  test.for(batches)('with an event that is no UTF-8 stores the others: $name', async (door) => {
    const text = `{"events":[${event()},${event('"method":"\u00ff"')},${event()}]}`;
    const { results } = await knock(gate.port, door, {
      body: door.frame(Buffer.from(text, 'latin1')),
    });
    expect(results.map(({ status }) => status)).toEqual(['accepted', 'rejected', 'accepted']);
  });

  test.for(doors)('keeps the digits of large numbers: $name', async (door) => {
    const one = event().replace('"properties"', '"context":{"id":9007199254740993},"properties"');
    const text = door.rpc === 'Track' ? `{"event":${one}}` : `{"events":[${one}]}`;
    const after = await gate.last('EVENTS');
    await knock(gate.port, door, { body: door.frame(Buffer.from(text)) });
    const [stored, ...others] = await gate.events(after);
    expect(others).toEqual([]);
    expect(stored!.bytes.toString()).toContain('"context":{"id":9007199254740993}');
  });
});
