import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { prepareGate } from '../crash/gate-process.ts';
import { gateProcessesOf, scrape, total, untilServing } from '../processes/gate-processes.ts';
import { keysOf, track } from './key-gates.ts';

/** Several requests on connections of their own reach every process in turn. */
async function statusesOf(url: string, key: string): Promise<Set<number>> {
  const answers = Array.from({ length: 6 }, () => track(url, key, 'close'));
  return new Set((await Promise.all(answers)).map(({ status }) => status));
}

test('every gate process follows the keys, also one that replaces another', async () => {
  await using gate = await prepareGate({
    env: { HEADGATE_PROCESSES: '2', HEADGATE_AUTH: 'keys' },
    yaml: () => 'destinations: {}\n',
  });
  const { processId } = await gate.start();
  await untilServing(gate, 2);
  expect(gate.output()).toContain('no write key exists: every request will be refused');
  const keys = keysOf(`http://${gate.adminListen}`);
  const kept = await keys.createKey({ source: 'shop' });
  const stolen = await keys.createKey({ source: 'app' });
  await sleep(1_000);
  expect(await statusesOf(gate.url, kept.secret)).toEqual(new Set([202]));
  expect(await statusesOf(gate.url, stolen.secret)).toEqual(new Set([202]));
  await keys.revokeKey({ id: stolen.key!.id });
  await sleep(1_000);
  expect(await statusesOf(gate.url, stolen.secret)).toEqual(new Set([401]));

  for (const forked of gateProcessesOf(processId)) process.kill(forked, 'SIGKILL');
  await expect.poll(() => gateProcessesOf(processId).length, { timeout: 10_000 }).toBe(2);
  await untilServing(gate, 2);
  expect(await statusesOf(gate.url, kept.secret)).toEqual(new Set([202]));
  expect(await statusesOf(gate.url, stolen.secret)).toEqual(new Set([401]));

  // The sources have series of their own, though no file names them.
  const accepted = async (source: string): Promise<number> => {
    const outcome = `source="${source}",event_name="order_completed",outcome="accepted"`;
    return total(await scrape(gate), 'headgate_events_total', outcome);
  };
  await expect.poll(() => accepted('shop')).toBeGreaterThanOrEqual(6);
  expect(await accepted('_other')).toBe(0);

  const used = async () => (await keys.listKeys({ source: 'shop' })).keys[0]!.lastUsedAt;
  await expect.poll(used, { timeout: 20_000 }).toBeDefined();
  const page = await scrape(gate);
  expect(page.get('headgate_keys{state="in_force"}')).toBe(1);
  expect(page.get('headgate_keys{state="revoked"}')).toBe(1);
  expect(page.get('headgate_keys_expiring')).toBe(0);
  for (const { secret } of [kept, stolen]) expect(gate.output()).not.toContain(secret);
}, 90_000);
