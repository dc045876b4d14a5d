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

/**
 * @param keys write keys beside that of the relay, by source.
 * @param settings of its headgate.yaml. With `destinations` it has no warehouse.
 */
export async function startFar(
  env: Readonly<Record<string, string>> = {},
  keys: Readonly<Record<string, string>> = {},
  settings: object = {},
): Promise<FarGate> {
  const gate = await startRealService({
    env: { HEADGATE_AUTH: 'keys', ...env },
    // JSON is YAML too.
    yaml: JSON.stringify({
      ...settings,
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
  readonly ackWaitMs?: number;
  readonly key?: string;
  /** Write keys of the relay itself, by source. Without them every event is from `shop-fra`. */
  readonly localKeys?: Readonly<Record<string, string>>;
}

/** What makes a gate a relay, called `host-1`. The contracts are asked for every 100 ms. */
export function relayConfig(
  port: number,
  { settings, attempts = 5, ackWaitMs = 2_000, key = relayKey }: DestinationOverrides = {},
): Pick<Config, 'destinations' | 'relay'> {
  const destination: Config['destinations'][number] = {
    name: 'gate',
    type: 'headgate',
    events: [],
    sources: [],
    start: { kind: 'earliest' },
    retry: { attempts, baseMs: 10, capMs: 100 },
    ackWaitMs,
    whenFull: 'hold',
    settings: farGateSettings(port, key, { instance: 'host-1', ...settings }),
  };
  return {
    destinations: [destination],
    relay: { destination: 'gate', contractsIntervalMs: 100 },
  };
}

/** A relay in this process: `relayConfig`. */
export function startRelayHere(
  port: number,
  env: Readonly<Record<string, string>> = {},
  overrides: DestinationOverrides = {},
): Promise<RealService> {
  const config = relayConfig(port, overrides);
  const { localKeys } = overrides;
  if (localKeys === undefined) {
    return startRealService({ env: { HEADGATE_SOURCE: 'shop-fra', ...env }, config });
  }
  const keys = Object.entries(localKeys).map(([source, key]) => ({
    source,
    hash: hashWriteKey(key),
  }));
  const yaml = JSON.stringify({ keys });
  return startRealService({ env: { HEADGATE_AUTH: 'keys', ...env }, yaml, config });
}
