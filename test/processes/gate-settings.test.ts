import v8 from 'node:v8';

import { expect, test } from 'vitest';

import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { gateSettingsOf } from '../../src/service/gate-settings.ts';
import { loadRegistry } from '../../src/validation/schema-registry.ts';

async function handedOver(env: Readonly<Record<string, string>>) {
  const config = readConfig({
    env: { HEADGATE_PROCESSES: '3', HEADGATE_ADMIN_TOKEN: 'the-token-of-the-operators', ...env },
    configFile: 'headgate.yaml',
    readFile: () =>
      'destinations: { crm: { type: webhook, url: "https://crm.example", secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0 } }',
    destinationTypes,
  });
  const registry = await loadRegistry(config.schemasDir);
  const settings = gateSettingsOf(
    {
      config,
      registry: () => registry,
      runTimeKeys: () => [],
      canaryKey: undefined,
      unplannedNames: [],
      labels: { sources: ['a'], eventNames: ['b'], destinations: ['crm'] },
      log: {
        address: { servers: ['127.0.0.1:4222'], user: 'headgate', password: 'p' },
        durability: 'fsync',
        streamsDir: '/streams',
        topology: { dedupWindowMs: 1, storageBytesMax: 1, replicas: 1 },
        publishTimeoutMs: 1,
      },
    },
    config.listen,
  );
  // As node:cluster sends it.
  const bytes = v8.serialize(settings);
  return { settings: v8.deserialize(bytes) as typeof settings, text: bytes.toString('latin1') };
}

test('the settings of a gate process can be sent, with only the secrets it needs', async () => {
  const { settings, text } = await handedOver({});
  expect(settings.config.roles).toEqual(new Set(['gate', 'deliver']));
  expect(settings.registry.events.map(({ versions }) => versions.length)).not.toContain(0);
  expect(settings.log.topology).toBeUndefined();
  expect(text).not.toContain('the-token-of-the-operators');
  expect(text).not.toContain('whsec_');
});

test.each([
  ['20000', '1000', 6667],
  ['2000', '1000', 1000],
])('of %s events in flight and batches of %s each of three has %d', async (all, batch, share) => {
  const { settings } = await handedOver({
    HEADGATE_LIMITS_IN_FLIGHT_EVENTS_MAX: all,
    HEADGATE_LIMITS_BATCH_EVENTS_MAX: batch,
  });
  expect(settings.config.limits.inFlightEventsMax).toBe(share);
});
