import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { onTestFinished } from 'vitest';

import type { Log } from '../../src/jetstream/log.ts';
import { runCli } from '../cli/run-cli.ts';
import { until, unsettled } from '../delivery/rig.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { startRealService, type RealService, type RealServiceOverrides } from '../real-service.ts';

export interface TestEvent {
  readonly name?: string;
  readonly source?: string;
  readonly user?: string;
  readonly anonymous?: string;
}

/** Stores events as the gate does, and gives their ids. */
export function storeEvents(log: Log, events: readonly TestEvent[]): Promise<string[]> {
  return Promise.all(
    events.map(async ({ name = 'order_completed', source = 'shop', user = 'u1', anonymous }) => {
      const eventId = randomUUID();
      const text = {
        eventId,
        eventName: name,
        source,
        timestamp: new Date().toISOString(),
        userId: user,
        ...(anonymous !== undefined && { anonymousId: anonymous }),
        idempotencyKey: eventId,
        properties: { total: 12.5, email: 'a@example.com' },
      };
      const subject = `headgate.events.0.${source}.${name}`;
      const headers = { 'Nats-Msg-Id': `${source}:${eventId}` };
      await log.store('EVENTS', subject, headers, JSON.stringify(text));
      return eventId;
    }),
  );
}

export const many = (count: number, event: TestEvent = {}): TestEvent[] =>
  Array.from({ length: count }, () => event);

/** The whole service with a webhook `crm` and an sqlite `warehouse`. */
export interface RedeliveryRig extends AsyncDisposable {
  readonly real: RealService;
  readonly log: Log;
  readonly far: RealHttpServer;
  /** The event ids that the webhook has got, in their order. */
  readonly got: () => string[];
  readonly clear: () => void;
  readonly sqlite: <Value>(work: (database: DatabaseSync) => Value) => Value;
  readonly redeliver: (...args: string[]) => ReturnType<typeof runCli>;
  /** Waits until the destinations have settled everything. */
  readonly settled: () => Promise<void>;
}

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export async function startRig(
  options: { readonly crm?: string; readonly overrides?: RealServiceOverrides } = {},
): Promise<RedeliveryRig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-redelivery-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const far = await startHttpServer((_request, response) => response.writeHead(204).end());
  onTestFinished(() => far.close());
  const file = path.join(folder, 'warehouse.db');
  const real = await startRealService({
    ...options.overrides,
    yaml: `destinations:
  crm: { type: webhook, url: "http://127.0.0.1:${far.port}/", secret: "${secret}", allow_private_addresses: true, ${options.crm ?? ''} }
  warehouse: { type: sqlite, path: ${file} }
`,
  });
  const { log } = real.service;
  return {
    real,
    log,
    far,
    got: () => far.received.map(({ headers }) => String(headers['webhook-id'])),
    clear: () => void far.received.splice(0),
    sqlite: (work) => {
      const database = new DatabaseSync(file);
      try {
        return work(database);
      } finally {
        database.close();
      }
    },
    redeliver: (...args) => runCli(['redeliver', '--admin', real.adminUrl, ...args]),
    settled: async () => {
      for (const name of ['crm', 'warehouse']) {
        await until(
          () => unsettled(log, name),
          (count) => count === 0,
          20_000,
        );
      }
    },
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
}
