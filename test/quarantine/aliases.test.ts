import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { askAdmin } from '../ask-admin.ts';
import { startRealService, type RealService } from '../real-service.ts';

let folder: string;
let real: RealService;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headgate-aliases-'));
  const schemas = path.join(folder, 'schemas');
  await cp(new URL('../../schemas', import.meta.url), schemas, { recursive: true });
  const file = path.join(schemas, 'taxonomy.yaml');
  const aliases =
    'aliases: { Order Completed: order_completed, kauf_completed: order_completed }\n';
  await writeFile(file, aliases + (await readFile(file, 'utf8')));
  real = await startRealService({ env: { HEADGATE_SCHEMAS_DIR: schemas } });
  const names = ['order_completed', 'Order Completed', 'kauf_completed', 'invoice_paid'];
  for (const event_name of names) {
    const answer = await fetch(`${real.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ event_name, user_id: 'u', properties: { wrong: true } }),
    });
    await answer.arrayBuffer();
  }
});
afterAll(async () => {
  await real?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Listed {
  readonly rejected?: readonly { readonly eventName: string }[];
}

const named = async (eventName: string): Promise<string[]> => {
  const { rejected = [] } = await askAdmin<Listed>(real.adminUrl, 'RejectedService/ListRejected', {
    filter: { eventName },
  });
  return rejected.map((each) => each.eventName);
};

test.each(['order_completed', 'Order Completed', 'kauf_completed'])(
  'rejected events of an event are found by each of its names: %s',
  async (name) => {
    expect(await named(name)).toEqual(['order_completed', 'Order Completed', 'kauf_completed']);
  },
);

test('those of other events are not', async () => {
  expect(await named('invoice_paid')).toEqual(['invoice_paid']);
  expect(await named('Order completed')).toEqual([]);
});
