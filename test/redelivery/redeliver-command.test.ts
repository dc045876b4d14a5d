import { describe, expect, test } from 'vitest';

import { many, startRig, storeEvents } from './redelivery-rig.ts';

const sorted = (ids: readonly string[]): string[] => ids.toSorted();

describe('headgate redeliver', () => {
  test('sends again by time, event, source and person, each under its event id', async () => {
    await using rig = await startRig();
    const { log } = rig;
    const early = await storeEvents(log, many(5));
    await rig.settled();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const since = new Date().toISOString();
    const late = {
      orders: await storeEvents(log, many(7)),
      carts: await storeEvents(log, many(4, { name: 'cart_viewed' })),
      app: await storeEvents(log, many(3, { source: 'app' })),
      ada: await storeEvents(log, many(2, { user: 'ada "L" é' })),
      anonymous: await storeEvents(log, many(1, { user: '', anonymous: 'ada "L" é' })),
    };
    await rig.settled();
    const to = ['--destination', 'crm', '--yes'];
    const resent = async (...args: string[]): Promise<string[]> => {
      rig.clear();
      const { code, stdout, stderr } = await rig.redeliver(...to, ...args);
      expect(stderr).not.toContain('error');
      expect(stdout).toBe(`${rig.got().length} events were sent again\n`);
      expect(code).toBe(0);
      return sorted(rig.got());
    };
    const all = Object.values(late).flat();
    expect(await resent('--since', since)).toEqual(sorted(all));
    expect(await resent('--until', since)).toEqual(sorted(early));
    expect(await resent('--event', 'cart_viewed')).toEqual(sorted(late.carts));
    expect(await resent('--event', 'cart_*')).toEqual(sorted(late.carts));
    expect(await resent('--source', 'app')).toEqual(sorted(late.app));
    expect(await resent('--user', 'ada "L" é')).toEqual(sorted([...late.ada, ...late.anonymous]));
    expect(
      await resent('--source', 'shop', '--event', 'order_completed', '--since', since),
    ).toEqual(sorted([...late.orders, ...late.ada, ...late.anonymous]));
  }, 120_000);

  test('a dry run counts and sends nothing', async () => {
    await using rig = await startRig();
    await storeEvents(rig.log, [...many(6), ...many(2, { name: 'cart_viewed' })]);
    await rig.settled();
    rig.clear();
    const { code, stdout, stderr } = await rig.redeliver('--destination', 'crm', '--dry-run');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '8 would be sent to crm again\n' });
    expect(stderr).toBe('  6  order_completed\n  2  cart_viewed\n');
    const json = await rig.redeliver('--destination', 'crm', '--dry-run', '--json');
    expect(JSON.parse(json.stdout)).toEqual({
      matched: 8,
      events: { order_completed: 6, cart_viewed: 2 },
      waiting: 0,
      dead: 0,
      reachesBeyondLog: false,
      dryRun: true,
    });
    const unsure = await rig.redeliver('--destination', 'crm');
    expect(unsure.code).toBe(2);
    expect(unsure.stderr).toContain('Your receiver gets the same webhook-id again');
    expect(unsure.stderr).toContain('this would send 8 events again; add --yes to do it');
    expect((await rig.redeliver('list')).stderr).toBe('No redeliveries.\n');
    expect(rig.got()).toEqual([]);
  }, 60_000);
});
