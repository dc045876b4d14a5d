import { expect, test } from 'vitest';

import { createStoredIds } from '../../src/quarantine/stored-ids.ts';
import { publishEvents } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

const shop = { source: 'shop', eventName: 'order_completed', sinceMs: 1 };

test('reads stored events once for many look-ups, and refuses more than the limit', async () => {
  await using real = await startRealLog();
  const ids = await publishEvents(real.log, 1_000);
  // The limit equals the number of events: reading them twice would exceed it.
  const exact = createStoredIds(real.log, ids.length);
  const asked = [...ids, 'none', 'other'].map((id) =>
    exact.find({ ...shop, messageId: `shop:${id}` }),
  );
  const found = await Promise.all(asked);
  expect(new Set(found.slice(0, -2)).size).toBe(ids.length);
  expect(found.slice(-2)).toEqual([undefined, undefined]);
  expect(found[7]).toBeTypeOf('number');
  const later = { ...shop, sinceMs: Date.now() + 60_000, messageId: `shop:${ids[0]}` };
  expect(await createStoredIds(real.log).find(later)).toBeUndefined();
  expect(
    await exact.find({ ...shop, eventName: 'invoice_paid', messageId: `shop:${ids[0]}` }),
  ).toBeUndefined();

  const tooSmall = createStoredIds(real.log, ids.length - 1);
  const refused = tooSmall.find({ ...shop, messageId: `shop:${ids[0]}` });
  await expect(refused).rejects.toMatchObject({ code: 'replay_too_wide' });
});
