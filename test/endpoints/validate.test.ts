import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openGate, type OpenGate } from './open-gate.ts';
import { order, type Sample } from './sample-events.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';
import { asAdmin } from '../admin-token.ts';

/** `POST /v1/validate`: validates what the other REST endpoints accept, and stores nothing. */
describe('POST /v1/validate', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({ env: { HEADGATE_LIMITS_BATCH_EVENTS_MAX: '3' } });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  const restEndpoints = wireEndpoints.filter(({ family }) => family === 'rest');
  const bad = (): Sample => order({ properties: { total: '5' } });
  const page = async (): Promise<string> => {
    const text = await (await fetch(`${gate.real.adminUrl}/metrics`, asAdmin)).text();
    return text
      .split('\n')
      .filter((line) => /^headgate_(events|validation|warnings)/.test(line))
      .join('\n');
  };

  test.for(restEndpoints)(
    'returns the complete verdict and stores nothing: $name',
    async (door) => {
      const before = [await gate.last('EVENTS'), await gate.last('REJECTED'), await page()];
      const path = '/v1/validate';
      const single = door.rpc === 'Track';
      const cases: [events: Sample[], http: number, statuses: string[]][] = [
        [[order()], 200, ['accepted']],
        [[bad()], 422, ['rejected']],
        ...(single ? [] : ([[[order(), bad()], 207, ['accepted', 'rejected']]] as never[])),
      ];
      for (const [events, http, statuses] of cases) {
        const answer = await knock(gate.port, door, { events, path });
        expect([answer.http, answer.results.map(({ status }) => status)]).toEqual([http, statuses]);
        expect(answer.results.every(({ sequence }) => sequence === 0)).toBe(true);
        expect(answer.counts).toMatchObject({
          rejected: statuses.filter((s) => s === 'rejected').length,
        });
        const rejected = answer.results.find(({ status }) => status === 'rejected');
        if (rejected === undefined) continue;
        expect(rejected.error).toMatchObject({
          code: 'schema_violation',
          help: 'docs/reference/errors.md#schema_violation',
        });
        expect(
          rejected.error?.violations.find(({ path: at }) => at === '/properties/total'),
        ).toMatchObject({
          kind: 'wrong_type',
          expected: 'number',
        });
      }
      expect([await gate.last('EVENTS'), await gate.last('REJECTED'), await page()]).toEqual(
        before,
      );
    },
  );

  test.for(restEndpoints)('refuses what the endpoint refuses: $name', async (door) => {
    const path = '/v1/validate';
    const cut = await knock(gate.port, door, { body: Buffer.from('{"events":'), path });
    expect(cut.code || cut.results[0]?.error?.code).toBe(
      door.contentType.includes('ndjson') ? 'invalid_field' : 'malformed_request',
    );
    if (door.rpc === 'Track') return;
    const none = await knock(gate.port, door, { events: [], path });
    expect(none.code).toBe('empty_batch');
    const four = await knock(gate.port, door, {
      events: [order(), order(), order(), order()],
      path,
    });
    expect(four.code).toBe('too_many_events');
  });

  test('only validates a batch with validate_only: false', async () => {
    const door = restEndpoints.find(({ name }) => name.startsWith('REST batch'))!;
    const before = await gate.last('EVENTS');
    const fields = { validate_only: false };
    const answer = await knock(gate.port, door, {
      events: [order()],
      fields,
      path: '/v1/validate',
    });
    expect(answer.http).toBe(200);
    expect(await gate.last('EVENTS')).toBe(before);
  });

  test('accepts only POST', async () => {
    const answer = await knock(gate.port, restEndpoints[0]!, {
      events: [order()],
      method: 'PUT',
      path: '/v1/validate',
    });
    expect(answer.code).toBe('method_not_allowed');
  });
});
