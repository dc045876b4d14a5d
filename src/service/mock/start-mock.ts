import { formatListenAddress } from '../../config/address.ts';
import type { Config } from '../../config/config.ts';
import { readConfig } from '../../config/read-config.ts';
import { destinationTypes } from '../../destinations/registry.ts';
import { openGate } from '../../gate/gate.ts';
import { createAllowances } from '../../gate/limits/allowances.ts';
import { createLocalLimiter } from '../../gate/limits/source-limiter.ts';
import { serveMock } from '../../mock/mock-endpoints.ts';
import type { MockGate, MockOptions } from '../../mock/mock-gate.ts';
import { createMockLog } from '../../mock/mock-log.ts';
import { createTestIds } from '../../mock/test-ids.ts';
import { createLogger } from '../../observability/logger.ts';
import { contractsOf } from '../../validation/contracts-form.ts';
import { createLiveValidation } from '../../validation/live-validation.ts';
import { loadContracts } from '../../validation/schema-registry.ts';
import { createMetrics } from '../../observability/metrics.ts';
import { createSignals } from '../../observability/signals.ts';
import { defaultSource } from '../../gate/intake/authenticate.ts';

export type { BadEvent, GoodEvent, MockGate, MockOptions } from '../../mock/mock-gate.ts';

/** A key that everyone knows: the hashes that it makes are the same in every test. */
const hashKey = Buffer.alloc(32, 'mock').toString('base64');

/**
 * Starts a gate for the tests of a producer. It takes any write key. An event belongs to the test that its
 * request names in the header `x-headgate-test-id`, or the event in `context.test_id`.
 *
 * Rejects if the schemas have a fault, or the address is in use.
 */
export async function startMock(options: MockOptions = {}): Promise<MockGate> {
  const config = mockConfig(options);
  const registry = await loadContracts(config);
  const validation = createLiveValidation(registry, {
    enforcement: config.enforcement,
    hashKey,
  });
  const logger = createLogger('error', { write: (line) => process.stderr.write(line) });
  const signals = createSignals(
    createMetrics({
      sources: [defaultSource],
      eventNames: registry.events.map(({ name }) => name),
      destinations: [],
      webhooks: [],
      auditedActions: [],
    }),
    logger,
  );
  const testIds = createTestIds();
  const log = createMockLog(testIds.of);
  const gate = await openGate(config, signals, {
    validate: validation.validate,
    nameSent: validation.nameSent,
    redactRejected: validation.redactRejected,
    contracts: () => contractsOf(registry, config.enforcement),
    arrivalHeaders: ({ correlationId }) => correlationId,
    store: log.store,
    readStored: log.readStored,
    reject: log.reject,
    limiter: createLocalLimiter(createAllowances()),
    before: (call) => {
      testIds.note(call);
      return serveMock(log, call);
    },
  });
  return {
    url: `http://${formatListenAddress(gate.address)}`,
    good: log.good,
    bad: log.bad,
    reset: log.reset,
    close: gate.close,
    [Symbol.asyncDispose]: gate.close,
  };
}

/** The defaults of a gate, without a file and without variables: tests have none of its secrets. */
function mockConfig(options: MockOptions): Config {
  const missing = (file: string): never => {
    throw Object.assign(new Error(`no ${file}`), { code: 'ENOENT' });
  };
  const config = readConfig({ env: {}, readFile: missing, destinationTypes });
  const { schemasDir = config.schemasDir, enforcement = config.enforcement } = options;
  const { listen = { host: '127.0.0.1', port: 0 } } = options;
  const { eventBytesMax = config.limits.eventBytesMax } = options;
  const limits = { ...config.limits, eventBytesMax };
  // The mock has no metrics page, so what it counts has one label.
  // Without contracts, every event would be accepted, and a test could not fail.
  const schemasDirNamed = true;
  return { ...config, schemasDir, schemasDirNamed, enforcement, listen, limits, destinations: [] };
}
