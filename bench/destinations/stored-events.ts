import { randomUUID } from 'node:crypto';
import http from 'node:http';

import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

import { startGate } from '../processes.ts';
import { childrenOf } from '../script/cpu.ts';

const batchEvents = 500;
const inFlightDefault = 4;

/** A gate with a log that holds events, and what a worker needs to come to them. */
export interface FilledLog {
  /** With user and password. */
  readonly natsUrl: string;
  readonly natsProcessId: number;
  /** Events that a destination has not settled; undefined before it has a position in the log. */
  unsettled(destination: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** Sends events of about 640 bytes through a real gate, which does nothing else afterwards. */
export async function fillLog(events: number): Promise<FilledLog> {
  const gate = await startGate({
    HEADGATE_ROLES: 'gate',
    HEADGATE_DURABILITY: 'async',
    HEADGATE_LOG_STORAGE_BYTES_MAX: '16GiB',
  });
  const { user, password, port } = gate.nats;
  const connection = await connect({ servers: `127.0.0.1:${port}`, user, pass: password });
  try {
    await sendAll(gate.port, events);
    const manager = await jetstreamManager(connection);
    const [natsProcessId] = childrenOf(gate.processId);
    if (natsProcessId === undefined) throw new Error('the gate has no nats-server of its own');
    const address = new URL(`nats://127.0.0.1:${port}`);
    address.username = user;
    address.password = password;
    return {
      natsUrl: address.href,
      natsProcessId,
      unsettled: async (destination) => {
        const info = await manager.consumers.info('EVENTS_0', destination).catch(() => undefined);
        return info && info.num_pending + info.num_ack_pending;
      },
      stop: async () => {
        await connection.close();
        await gate.stop();
      },
    };
  } catch (error) {
    await connection.close();
    await gate.stop();
    throw error;
  }
}

/**
 * Sends events in batches of 500 to `/v1/batch`, a few at a time. `make` gives those between two numbers.
 */
export async function sendAll(
  port: number,
  events: number,
  make: (from: number, to: number) => object[] = eventsBetween,
  headers: Readonly<Record<string, string>> = {},
  batchesInFlight = inFlightDefault,
): Promise<void> {
  const agent = new http.Agent({ keepAlive: true });
  let sent = 0;
  const sender = async (): Promise<void> => {
    while (sent < events) {
      const from = sent;
      sent += Math.min(batchEvents, events - from);
      await post(agent, port, JSON.stringify({ events: make(from, sent) }), headers);
    }
  };
  try {
    await Promise.all(Array.from({ length: batchesInFlight }, sender));
  } finally {
    agent.destroy();
  }
}

const currencies = ['EUR', 'USD', 'GBP', 'SEK'];

/** Orders of about 640 bytes. */
export function eventsBetween(from: number, to: number): object[] {
  return Array.from({ length: to - from }, (_, index) => {
    const number = from + index;
    return {
      event_name: 'order_completed',
      user_id: `user-${((number * 7_919) % 100_003).toString(16)}`,
      anonymous_id: `device-${((number * 104_729) % 500_009).toString(16)}`,
      idempotency_key: randomUUID(),
      properties: {
        order_id: `A-${number}-2026-03-01`,
        total: ((number * 37) % 100_000) / 100,
        currency: currencies[number % currencies.length],
        tax: ((number * 11) % 10_000) / 100,
        shipping: 4.9,
        coupon: 'SPRING-26',
        payment_method: 'card',
        items: [{ sku: `SKU-${number % 5_000}`, quantity: 1 + (number % 4), price: 52.15 }],
      },
      context: { library: { name: 'checkout', version: '4.2.0' }, page: '/checkout/done' },
    };
  });
}

async function post(
  agent: http.Agent,
  port: number,
  body: string,
  more: Readonly<Record<string, string>>,
): Promise<void> {
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...more };
    const options = { host: '127.0.0.1', port, path: '/v1/batch', method: 'POST', agent, headers };
    const request = http.request(options, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('error', reject).end(body);
  });
  if (status >= 300) throw new Error(`/v1/batch answered ${status}`);
}
