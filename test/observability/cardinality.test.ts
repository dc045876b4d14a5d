import { randomUUID } from 'node:crypto';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { runCli } from '../cli/run-cli.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { asAdmin } from '../admin-token.ts';

const madeUp = 100_000;
const batchSize = 1_000;
const key = 'hg_shop_1';

/** Every series of the page except Node's own, which depend on open resources. */
async function seriesOf(real: RealService): Promise<Set<string>> {
  const page = await (await fetch(`${real.adminUrl}/metrics`, asAdmin)).text();
  const lines = page.split('\n').filter((line) => line.startsWith('headgate_'));
  return new Set(lines.map((line) => line.slice(0, line.lastIndexOf(' '))));
}

async function rejectedTotal(real: RealService): Promise<number> {
  const page = await (await fetch(`${real.adminUrl}/metrics`, asAdmin)).text();
  const found = page.matchAll(/^headgate_events_total\{.*outcome="rejected"\} (\d+)$/gm);
  return [...found].reduce((sum, [, value]) => sum + Number(value), 0);
}

const verbs = ['completed', 'paid', 'created'];

/** Valid and invalid event names, each with other values that a sender can make up. */
function madeUpEvent(index: number): string {
  const name = index % 2 === 0 ? `thing_${index}_${verbs[index % 3]}` : `Ünplanned ${index}`;
  return JSON.stringify({
    event_name: name,
    user_id: `u-${index}`,
    idempotency_key: randomUUID(),
    schema_version: index,
    properties: { [`property_${index}`]: index },
    ...(index % 5 === 0 && { [`field_${index}`]: `code_${index}` }),
    ...(index % 7 === 0 && { source: `source-${index}` }),
  });
}

test('100,000 made-up events, and made-up keys, paths and methods, add no series', async () => {
  await using real = await startRealService({
    env: {
      HEADGATE_AUTH: 'keys',
      HEADGATE_LOG_STORAGE_BYTES_MAX: '2GiB',
      HEADGATE_REJECTED_STORAGE_BYTES_MAX: '1GiB',
    },
    yaml: `keys:\n  - { source: shop, hash: "${hashWriteKey(key)}" }\n`,
  });
  const send = async (path: string, init: RequestInit): Promise<number> => {
    const answer = await fetch(`${real.url}${path}`, init);
    await answer.arrayBuffer();
    return answer.status;
  };
  const before = await seriesOf(real);
  expect(before.size).toBeGreaterThan(100);

  for (let from = 0; from < madeUp; from += batchSize) {
    const lines = Array.from({ length: batchSize }, (_, index) => madeUpEvent(from + index));
    const headers = {
      'content-type': 'application/x-ndjson',
      'x-write-key': key,
      'x-correlation-id': `c-${from}`,
      'user-agent': `agent/${from}`,
    };
    expect(await send('/v1/batch', { method: 'POST', headers, body: lines.join('\n') })).toBe(422);
  }
  for (let index = 0; index < 300; index += 1) {
    const headers = {
      'content-type': `application/made-up-${index}`,
      'x-write-key': `hg_no_${index}`,
    };
    await send(`/v1/track`, { method: 'POST', headers, body: '{}' });
    await send(`/made/up/${index}`, { method: index % 2 === 0 ? 'GET' : 'PATCH' });
    await send(`/headgate.v1.TrackService/MadeUp${index}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
  }

  expect(await rejectedTotal(real)).toBe(madeUp);
  const after = await seriesOf(real);
  expect([...after].filter((series) => !before.has(series))).toEqual([]);

  // Nor does the log learn a subject for each: what no entry names is filed under one.
  const { state } = await clientsForTests(real.service.log).manager.streams.info('REJECTED', {
    subjects_filter: '>',
  });
  expect(state.messages).toBe(madeUp);
  const withoutSizes = Object.keys(state.subjects ?? {}).map((name) => name.replace(/\.\d+$/, ''));
  expect(new Set(withoutSizes)).toEqual(new Set(['headgate.rejected.shop._unplanned.quarantined']));
  const counted = await runCli(['rejected', '--admin', real.adminUrl, 'list', '--limit', '1']);
  expect(counted.code).toBe(0);
});
