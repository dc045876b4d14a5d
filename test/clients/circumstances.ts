import { expect, vi } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import type { OpenGate } from '../endpoints/open-gate.ts';
import { order } from '../endpoints/sample-events.ts';
import type { BusyGate } from './busy-gate.ts';
import type { CaseAnswer } from './case-program.ts';
import type { Circumstance } from './cases.ts';
import { asAdmin } from '../admin-token.ts';

/** Settings of the gate of the cases. */
export const key = 'hg_cases';
export const inFlightEventsMax = 1000;

/** Sends while the gate is in a state, and restores the gate afterwards. */
export async function under(
  circumstance: Circumstance | undefined,
  gate: OpenGate,
  busy: BusyGate,
  send: () => Promise<CaseAnswer>,
): Promise<CaseAnswer> {
  if (circumstance === undefined) return send();
  if (circumstance === 'busy twice') {
    busy.refuse(2);
    return send();
  }
  if (circumstance === 'the log is full') return whileFull(gate, send);
  const isFull = circumstance.startsWith('the gate is full');
  const thaw = isFull ? holdPublishes(gate) : await gate.freezeServer();
  let filling: Promise<Response> | undefined;
  try {
    if (!isFull) return await send();
    filling = fill(gate);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = await refusals(gate);
    const answer = send();
    if (circumstance === 'the gate is full for a moment') {
      await vi.waitUntil(async () => (await refusals(gate)) > before, {
        timeout: 30_000,
        interval: 20,
      });
      thaw();
    }
    return await answer;
  } finally {
    thaw();
    expect((await filling)?.status ?? 202).toBe(202);
    await untilStored(gate);
  }
}

/**
 * Keeps what the gate publishes until the returned function is called. A nats-server that is frozen
 * for as long would be left, and the gate would have room again.
 */
function holdPublishes(gate: OpenGate): () => void {
  const log = gate.real.service.log as { publish: Log['publish'] };
  const { publish } = log;
  const held: Parameters<Log['publish']>[] = [];
  log.publish = (...message) => void held.push(message);
  return () => {
    log.publish = publish;
    for (const message of held.splice(0)) publish(...message);
  };
}

/**
 * Waits until the log has every event that was published while it was frozen, also those whose caller has
 * left: it stores an event of ours only after them.
 */
async function untilStored(gate: OpenGate): Promise<void> {
  const post = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-write-key': key },
  };
  const body = JSON.stringify(order());
  await expect
    .poll(async () => (await fetch(`${gate.url}/v1/track`, { ...post, body })).status, {
      timeout: 30_000,
    })
    .toBe(202);
}

/** Counts the calls that the gate answered with UNAVAILABLE. */
async function refusals(gate: OpenGate): Promise<number> {
  const metrics = await (await fetch(`${gate.real.adminUrl}/metrics`, asAdmin)).text();
  const counted = metrics.match(/^headgate_requests_total{[^}]*unavailable[^}]*} (\d+)$/gim) ?? [];
  return counted.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Sends as many events as may be in flight. */
function fill(gate: OpenGate): Promise<Response> {
  const events = Array.from({ length: inFlightEventsMax }, () => order());
  return fetch(`${gate.url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-write-key': key },
    body: JSON.stringify({ events }),
  });
}

async function whileFull<T>(gate: OpenGate, work: () => Promise<T>): Promise<T> {
  const { streams } = clientsForTests(gate.real.service.log).manager;
  const { config } = await streams.info('EVENTS_0');
  await streams.update('EVENTS_0', { ...config, max_bytes: 1 });
  try {
    return await work();
  } finally {
    await streams.update('EVENTS_0', config);
  }
}
