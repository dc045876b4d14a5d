import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { suspendedText } from '../../src/observability/signals.ts';
import { expectEventFailure, violationsOf } from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order } from './sample-events.ts';
import { schemasWith } from './schemas-folder.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';
import { asAdmin } from '../admin-token.ts';

const schema = {
  type: 'object',
  properties: { total: { type: 'number', minimum: 0, description: 'What was paid.' } },
  required: ['total'],
  additionalProperties: false,
};
const modes = '{ additional_property: strip, wrong_type: quarantine, advanced_rule: warn }';
const event = (properties: object) => order({ event_name: 'order_viewed', properties });

const schemas = schemasWith(
  { order_viewed: { entry: `active: 1, mode: ${modes}`, versions: [schema] } },
  'quarantine',
);

afterAll(() => schemas[Symbol.dispose]());

/** The modes of docs/contracts/contracts.md, at every endpoint. */
describe('modes', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({ env: { HEADGATE_SCHEMAS_DIR: schemas.folder } });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  test.for(wireEndpoints)(
    'strip stores the rest, and a retry is a duplicate: $name',
    async (door) => {
      const after = await gate.last('EVENTS');
      const sent = event({ total: 5, colour: 'red' });
      const answer = await knock(gate.port, door, { events: [sent] });
      expect(answer.results[0]?.status, answer.raw).toBe('accepted');
      expect(answer.results[0]?.warnings).toMatchObject([
        {
          code: 'properties_stripped',
          violations: [{ path: '/properties/colour', code: 'additionalProperties' }],
        },
      ]);
      const [stored] = await gate.events(after);
      const kept = JSON.parse(stored!.bytes.toString()) as Record<string, unknown>;
      expect(kept['properties']).toEqual({ total: 5 });
      expect(kept['warnings']).toMatchObject([{ code: 'properties_stripped' }]);
      const again = await knock(gate.port, door, { events: [sent] });
      expect(again.results[0]?.status).toBe('duplicate');
      expect(again.results[0]?.warnings.map(({ code }) => code)).toEqual(['properties_stripped']);
      expect(await gate.last('EVENTS')).toBe(after + 1);
    },
  );

  test.for(wireEndpoints)('quarantine keeps the event and says so: $name', async (door) => {
    const [events, rejected] = [await gate.last('EVENTS'), await gate.last('REJECTED')];
    const answer = await knock(gate.port, door, { events: [event({ total: '5' })] });
    expectEventFailure(answer, door, 'quarantined');
    expect(violationsOf(answer)[0]).toMatchObject({ path: '/properties/total', code: 'type' });
    const [kept] = await gate.rejected(rejected);
    expect(kept!.header('Headgate-Error-Code')).toBe('quarantined');
    expect(await gate.last('EVENTS')).toBe(events);
  });

  test.for(wireEndpoints)('warn stores the event: $name', async (door) => {
    const answer = await knock(gate.port, door, { events: [event({ total: -1 })] });
    expect(answer.results[0]).toMatchObject({
      status: 'accepted',
      warnings: [{ code: 'schema_violation', violations: [{ kind: 'advanced_rule' }] }],
    });
  });

  test.for(wireEndpoints)('an unplanned event is quarantined: $name', async (door) => {
    const answer = await knock(gate.port, door, { events: [order({ event_name: 'cart_paid' })] });
    expectEventFailure(answer, door, 'quarantined');
  });

  test.for(wireEndpoints)(
    'a verdict tells what belongs there, and where it is explained: $name',
    async (door) => {
      const answer = await knock(gate.port, door, { events: [event({})] });
      expectEventFailure(answer, door, 'schema_violation');
      const help = door.rpc === 'Track' ? answer.help : answer.results[0]?.error?.help;
      expect(help).toBe('docs/reference/errors.md#schema_violation');
      const [violation] = violationsOf(answer);
      if (door.rpc === 'Track' && door.family !== 'rest') {
        // The format of the standard has no field for more.
        expect(violation?.message).toBe('is required (What was paid.)');
      } else {
        expect(violation).toMatchObject({
          message: 'is required',
          kind: 'missing_required',
          expected: 'number',
          description: 'What was paid.',
        });
      }
    },
  );

  test('warnings are counted', async () => {
    const read = async (): Promise<number> => {
      const page = await (await fetch(`${gate.real.adminUrl}/metrics`, asAdmin)).text();
      const series =
        'headgate_warnings_total{source="default",event_name="order_viewed",code="properties_stripped"}';
      const line = page.split('\n').find((each) => each.startsWith(series));
      return Number(line?.split(' ').at(-1));
    };
    const before = await read();
    await knock(gate.port, wireEndpoints[0]!, { events: [event({ total: 1, x: 1 })] });
    expect(await read()).toBe(before + 1);
  });

  test('does not mention enforcement while it is on', async () => {
    for (const [page, text] of [
      ['readyz', 'ready\n'],
      ['healthz', 'ok\n'],
    ]) {
      expect(await (await fetch(`${gate.real.adminUrl}/${page}`, asAdmin)).text()).toBe(text);
    }
  });
});

describe('enforcement: warn', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    const env = { HEADGATE_SCHEMAS_DIR: schemas.folder, HEADGATE_ENFORCEMENT: 'warn' };
    gate = await openGate({ env });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  const suspended = [
    [order({ properties: {} }), 'schema_violation'],
    [order({ event_name: 'cart_paid' }), 'unplanned_event'],
    [event({ total: '5' }), 'schema_violation'],
    [event({ total: 5, colour: 'red' }), 'schema_violation'],
  ] as const;

  test.for(wireEndpoints)('refuses and strips nothing for its contract: $name', async (door) => {
    for (const [sent, code] of suspended) {
      const after = await gate.last('EVENTS');
      const key = crypto.randomUUID();
      const answer = await knock(gate.port, door, { events: [{ ...sent, idempotency_key: key }] });
      expect(answer.results[0]?.status, answer.raw).toBe('accepted');
      expect(answer.results[0]?.warnings.map((warning) => warning.code)).toEqual([code]);
      const [stored] = await gate.events(after);
      expect(JSON.parse(stored!.bytes.toString())).toMatchObject({
        properties: sent['properties'],
      });
    }
  });

  test.for(wireEndpoints)('still requires what storing an event needs: $name', async (door) => {
    for (const [fields, code] of [
      [{ user_id: 'null' }, 'missing_identity'],
      [{ schema_version: 9 }, 'unknown_schema_version'],
      [{ idempotency_key: '' }, 'missing_idempotency_key'],
      [{ event_name: 'Order Paid' }, 'invalid_event_name'],
    ] as const) {
      expectEventFailure(await knock(gate.port, door, { events: [order(fields)] }), door, code);
    }
  });

  test('is reported by health, readiness and a metric', async () => {
    const page = async (name: string): Promise<string> =>
      (await fetch(`${gate.real.adminUrl}/${name}`, asAdmin)).text();
    expect(await page('readyz')).toBe(`ready\n${suspendedText}\n`);
    expect(await page('healthz')).toBe(`ok\n${suspendedText}\n`);
    expect(await page('metrics')).toContain('headgate_enforcement_suspended 1\n');
  });
});
