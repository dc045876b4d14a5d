import { expect, test } from 'vitest';

import { prepareGate } from '../crash/gate-process.ts';
import { createChance } from '../endpoints/chance.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { runFuzz, type Ports } from './run-fuzz.ts';
import { shopKey, targets, webhooksYaml } from './targets.ts';

/*
 * Every endpoint of both ports takes changed requests. The gate answers each, with a verdict or an
 * error of the caller: it never ends, never leaves a request without an answer, and never answers
 * `internal`. `npm run fuzz` sends many with a new seed; `npm test` the same few each time.
 */

const inputsMax = Number(process.env['FUZZ_INPUTS'] ?? 3_000);
const timeoutMs = 60_000 + inputsMax * 20;

const yaml = (): string => `auth: keys
keys: [{ source: shop, hash: "${hashWriteKey(shopKey)}" }]
schemas: { source: registry }
${webhooksYaml}`;

test(`every endpoint answers ${inputsMax} changed requests`, { timeout: timeoutMs }, async () => {
  const chance = createChance();
  await using gate = await prepareGate({
    yaml,
    env: {
      HEADGATE_LOG_LEVEL: 'error',
      HEADGATE_LIMITS_REQUEST_TIMEOUT: '5s',
      HEADGATE_LIMITS_EVENT_BYTES_MAX: '64KiB',
    },
  });
  const run = await gate.start();
  let crashes = 0;
  void run.exit.then(() => (crashes += 1));
  const ports: Ports = {
    public: Number(new URL(gate.url).port),
    admin: Number(gate.adminListen.split(':')[1]),
  };
  const result = await runFuzz({
    chance,
    targets,
    ports,
    inputsMax,
    hasCrashed: () => crashes > 0,
  });
  const { inputs, hangs, internals, kinds, found } = result;
  // It is whole: it stores an event, and ends in order.
  const whole = await fetch(`${gate.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-write-key': shopKey },
    body: '{"event_name":"order_completed","user_id":"u","idempotency_key":"0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11","properties":{"order_id":"A","total":1,"currency":"EUR"}}',
  }).then(async (answer) => `${answer.status} ${await answer.text()}`, String);
  const answers = [...kinds].toSorted().map(([kind, count]) => `${kind} ${count}`);
  console.info(
    `fuzz: ${inputs} inputs to ${targets.length} endpoints, seed ${chance.seed}: crashes ${crashes}, ` +
      `hangs ${hangs}, internal answers ${internals} (${answers.join(', ')})`,
  );
  expect(found.join('\n')).toBe('');
  expect({ crashes, hangs, internals }).toEqual({ crashes: 0, hangs: 0, internals: 0 });
  expect(gate.output()).not.toMatch(/uncaught|unhandled/i);
  expect(whole).toMatch(/^202 /);
  expect(kinds.get('closed') ?? 0).toBeLessThan(inputs / 10);
});
