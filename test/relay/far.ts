import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { hashWriteKey } from '../../src/config/write-key.ts';
import type { Config } from '../../src/config/config.ts';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { farGateSettings } from '../destinations/headgate-far-side.ts';
import { startRelay, type Relay as Network } from '../destinations/relay.ts';
import { startRealService, type RealService } from '../real-service.ts';

export const relayKey = 'hg_key-of-the-relay';
export const relayName = 'relay-fra';

/** A gate with a warehouse, behind a network that a test can cut. */
export interface FarGate {
  readonly gate: RealService;
  readonly network: Network;
  /** The event ids of the warehouse, each as often as it has it, by idempotency key. */
  rows(): ReadonlyMap<string, string[]>;
  close(): Promise<void>;
}

/** @param keys write keys beside that of the relay, by source. */
export async function startFar(
  env: Readonly<Record<string, string>> = {},
  keys: Readonly<Record<string, string>> = {},
): Promise<FarGate> {
  const gate = await startRealService({
    env: { HEADGATE_AUTH: 'keys', ...env },
    // JSON is YAML too.
    yaml: JSON.stringify({
      keys: [
        { source: relayName, hash: hashWriteKey(relayKey), relay_sources: ['shop-*'] },
        ...Object.entries(keys).map(([source, key]) => ({ source, hash: hashWriteKey(key) })),
      ],
    }),
  });
  const network = await startRelay(Number(new URL(gate.url).port));
  const file = path.join(gate.dataDir, 'warehouse.db');
  return {
    gate,
    network,
    rows: () => {
      const database = new DatabaseSync(file, { readOnly: true });
      try {
        const found = database.prepare('SELECT event_id, idempotency_key FROM events').all();
        const rows = new Map<string, string[]>();
        for (const { event_id: id, idempotency_key: key } of found) {
          rows.set(String(key), [...(rows.get(String(key)) ?? []), String(id)]);
        }
        return rows;
      } finally {
        database.close();
      }
    },
    close: async () => {
      await network.close();
      await gate[Symbol.asyncDispose]();
    },
  };
}

export interface DestinationOverrides {
  readonly settings?: DestinationSettings;
  /** Attempts of an event until it is a dead letter. */
  readonly attempts?: number;
  readonly key?: string;
}

/** A relay in this process, called `host-1`. The contracts are asked for every 100 ms. */
export function startRelayHere(
  port: number,
  env: Readonly<Record<string, string>> = {},
  { settings, attempts = 5, key = relayKey }: DestinationOverrides = {},
): Promise<RealService> {
  const destination: Config['destinations'][number] = {
    name: 'gate',
    type: 'headgate',
    events: [],
    sources: [],
    start: { kind: 'earliest' },
    retry: { attempts, baseMs: 10, capMs: 100 },
    ackWaitMs: 2_000,
    whenFull: 'hold',
    settings: farGateSettings(port, key, { instance: 'host-1', ...settings }),
  };
  return startRealService({
    env: { HEADGATE_SOURCE: 'shop-fra', ...env },
    config: {
      destinations: [destination],
      relay: { destination: 'gate', contractsIntervalMs: 100 },
    },
  });
}
