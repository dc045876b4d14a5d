import { randomUUID } from 'node:crypto';
import path from 'node:path';

import { expect } from 'vitest';

import { asAdmin } from '../admin-token.ts';
import { askAdmin } from '../ask-admin.ts';
import { until, type GateProcess } from '../crash/gate-process.ts';
import { startWebhookReceiver } from '../crash/webhook-receiver.ts';

/** The destinations of a gate whose log is backed up and restored. */
export interface OutsideWorld {
  /** How often each event id reached the webhook, which is outside of every backup. */
  readonly arrivals: ReadonlyMap<string, number>;
  yaml(dataDir: string): string;
}

/** The webhook refuses events of the user `refused`: dead letters. */
export async function startOutsideWorld(): Promise<OutsideWorld> {
  const receiver = await startWebhookReceiver();
  const arrivals = new Map<string, number>();
  receiver.answer = (request) => {
    if (request.body.toString().includes('"refused"')) return 422;
    const id = String(request.headers['webhook-id']);
    arrivals.set(id, (arrivals.get(id) ?? 0) + 1);
    return 204;
  };
  const retry = '{ attempts: 1, base: 50ms, cap: 500ms }';
  return {
    arrivals,
    yaml: (dataDir) =>
      'destinations:\n' +
      `  warehouse: { type: sqlite, path: "${dataDir}/warehouse.db", ack_wait: 2s }\n` +
      `  crm:\n${receiver.yaml(retry)}`,
  };
}

/** Sends one event over REST, and returns its verdict. */
export async function send(
  gate: GateProcess,
  userId: string,
  properties: object = { order_id: 'A-1', total: 1, currency: 'EUR' },
): Promise<{ status: string; event_id?: string }> {
  const response = await fetch(`${gate.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      event_name: 'order_completed',
      user_id: userId,
      idempotency_key: randomUUID(),
      properties,
    }),
  });
  return (await response.json()) as { status: string; event_id?: string };
}

/** One of each of what is kept beside the events: a dead letter, a rejected event, a write key. */
export async function leaveSideEntries(gate: GateProcess): Promise<void> {
  expect(await send(gate, 'refused')).toMatchObject({ status: 'accepted' });
  expect(await send(gate, 'u-1', {})).not.toMatchObject({ status: 'accepted' });
  await ask(gate, 'KeyService/CreateKey', { source: 'checkout' });
  await expectSideEntries(gate);
}

export async function expectSideEntries(gate: GateProcess): Promise<void> {
  const list = async (rpc: string): Promise<string> => JSON.stringify(await ask(gate, rpc));
  await until(
    () => list('DeadLetterService/ListDeadLetters'),
    (text) => text.includes('order_completed'),
  );
  expect(await list('RejectedService/ListRejected')).toContain('order_completed');
  expect(await list('KeyService/ListKeys')).toContain('checkout');
}

/** Resolves when both destinations have settled every event. */
export async function waitUntilSettled(gate: GateProcess): Promise<void> {
  interface Answer {
    readonly destinations: readonly { readonly waiting?: string }[];
  }
  await until(
    () => ask<Answer>(gate, 'DestinationService/ListDestinations'),
    ({ destinations }) =>
      destinations.length === 2 && destinations.every(({ waiting = '0' }) => waiting === '0'),
    30_000,
  );
}

const ask = <Answer>(gate: GateProcess, rpc: string, request?: object): Promise<Answer> =>
  askAdmin(`http://${gate.adminListen}`, rpc, request);

/**
 * `headgate reconcile` finds every event at its destinations, and takes as many events of the log for
 * lost as are: without any it ends with 0.
 */
export async function expectMatching(gate: GateProcess, lost = 0): Promise<void> {
  const config = path.join(gate.dataDir, 'headgate.yaml');
  const { code, stdout, stderr } = await gate.headgate('reconcile', '--config', config);
  const verdict = lost === 0 ? 'The counts match.' : `do not match: ${lost} lost by the log.`;
  expect(`${stdout}${stderr}`).toContain(verdict);
  expect(code).toBe(lost === 0 ? 0 : 1);
  const metrics = await fetch(`http://${gate.adminListen}/metrics`, asAdmin);
  expect(await metrics.text()).toMatch(new RegExp(`^headgate_log_missing_events ${lost}$`, 'm'));
}
