import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Answer } from './answer.ts';
import { expectEventFailure, expectFailure } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { knock, wireEndpoints, type WireEndpoint } from './wire-endpoints.ts';

const restBatch = wireEndpoints.find((door) => door.name === 'REST batch HTTP/1.1')!;
const inFlightEventsMax = 4;

/** The answers of every endpoint while the log cannot store an event. */
describe('a log that does not answer', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({
      env: {
        HEADGATE_LIMITS_BATCH_EVENTS_MAX: String(inFlightEventsMax),
        HEADGATE_LIMITS_IN_FLIGHT_EVENTS_MAX: String(inFlightEventsMax),
        HEADGATE_NATS_PUBLISH_TIMEOUT: '3s',
      },
    });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  /** Runs a function while nats-server is paused. */
  const frozen = async <T>(run: () => Promise<T>): Promise<T> => {
    const thaw = await gate.freezeServer();
    try {
      return await run();
    } finally {
      thaw();
    }
  };

  test('overloaded: more events in flight than the limit, at every endpoint', async () => {
    const filling = [order(), order(), order(), order()];
    let filled: Promise<Answer> | undefined;
    const answers = await frozen(async () => {
      filled = knock(gate.port, restBatch, { events: filling });
      await new Promise((resolve) => setTimeout(resolve, 100));
      return Promise.all(
        wireEndpoints.map((door) => knock(gate.port, door, { events: [order()] })),
      );
    });
    answers.forEach((answer, index) => expectFailure(answer, wireEndpoints[index]!, 'overloaded'));
    expect((await filled!).counts).toMatchObject({ accepted: filling.length });
    expect(await gate.last('EVENTS')).toBe(filling.length);
  });

  const withDeadline = wireEndpoints.filter((door) => door.family !== 'rest');

  test.for(withDeadline)('deadline_exceeded: $name', async (door) => {
    const timeout = door.family === 'connect' ? 'connect-timeout-ms' : 'grpc-timeout';
    const headers = { [timeout]: door.family === 'connect' ? '50' : '50m' };
    const answer = await frozen(() => knock(gate.port, door, { events: [order()], headers }));
    expectFailure(answer, door, 'deadline_exceeded');
  });
});

describe('a log that is full', () => {
  let gate: OpenGate;
  let sizeBefore: number;

  const resize = async (bytes: number): Promise<void> => {
    const { manager } = clientsForTests(gate.real.service.log);
    const { config } = await manager.streams.info('EVENTS_0');
    sizeBefore = config.max_bytes;
    await manager.streams.update('EVENTS_0', { ...config, max_bytes: bytes });
  };

  beforeAll(async () => {
    gate = await openGate();
    const answer = await knock(gate.port, restBatch, { events: [order(), order()] });
    expect(answer.http).toBe(202);
    await resize(1);
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  const refusal = async (door: WireEndpoint): Promise<Answer> =>
    knock(gate.port, door, { events: [order()] });

  test.for(wireEndpoints)('not_stored: $name', async (door) => {
    const answer = await refusal(door);
    expectEventFailure(answer, door, 'not_stored');
    const message = answer.results[0]?.error?.message ?? answer.message;
    expect(message).toContain('full');
  });

  test('207 if some are rejected, else 503; stores them when there is room', async () => {
    const bad = order({ user_id: '' });
    const good = order();
    const mixed = await knock(gate.port, restBatch, { events: [bad, good] });
    expect([mixed.http, mixed.retryAfter]).toEqual([207, '1']);
    expect(mixed.results.map(({ status }) => status)).toEqual(['rejected', 'retry']);
    const none = await knock(gate.port, restBatch, { events: [good] });
    expect([none.http, none.retryAfter]).toEqual([503, '1']);
    await expect(fetch(`${gate.real.adminUrl}/readyz`)).resolves.toMatchObject({ status: 503 });

    expect(await gate.last('EVENTS')).toBe(2);
    await resize(64 * 1024 * 1024);
    const retried = await knock(gate.port, restBatch, { events: [good] });
    expect(retried.results[0]).toMatchObject({ status: 'accepted', sequence: 3 });
    expect(sizeBefore).toBe(1);
  });
});

test('nats-server is killed in the middle: retry until it is back, each event once', async () => {
  await using gate = await openGate();
  const events = Array.from({ length: 300 }, () => order());
  const seen = new Set<string>();
  let killed = false;
  await Promise.all(
    events.map(async (event, index) => {
      // Spread over 600 ms, so that the kill hits events at every stage.
      await new Promise((resolve) => setTimeout(resolve, index * 2));
      if (index === 100) {
        killed = true;
        gate.killServer();
      }
      const door = wireEndpoints[index % wireEndpoints.length]!;
      for (let attempt = 0; attempt < 100; attempt += 1) {
        const answer = await knock(gate.port, door, { events: [event] });
        const status = answer.results[0]?.status ?? answer.code;
        seen.add(status);
        if (status === 'accepted' || status === 'duplicate') return;
        expect(['retry', 'not_stored']).toContain(status);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error('never stored');
    }),
  );
  expect(killed).toBe(true);
  expect(seen.has('retry') || seen.has('not_stored')).toBe(true);
  const stored = (await gate.events()).map(
    ({ bytes }) => JSON.parse(bytes.toString()).idempotencyKey,
  );
  expect(stored.sort()).toEqual(events.map((event) => event['idempotency_key']).sort());
});
