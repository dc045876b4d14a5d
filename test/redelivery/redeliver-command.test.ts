import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import { deleteBefore } from '../../src/jetstream/integrity/ledger.ts';
import { asAdmin } from '../admin-token.ts';
import { collect, runCli, spawnCli } from '../cli/run-cli.ts';
import { until } from '../delivery/rig.ts';

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
      one: await storeEvents(log, many(1, { user: 'one' })),
      anonymous: await storeEvents(log, many(1, { user: '', anonymous: 'ada "L" é' })),
    };
    await rig.settled();
    const to = ['--destination', 'crm', '--yes'];
    const resent = async (...args: string[]): Promise<string[]> => {
      rig.clear();
      const { code, stdout, stderr } = await rig.redeliver(...to, ...args);
      expect(stderr).not.toContain('error');
      const count = rig.got().length;
      const text = count === 1 ? '1 event was' : `${count} events were`;
      expect(stdout).toBe(`${text} sent again\n`);
      expect(code).toBe(0);
      return sorted(rig.got());
    };
    const all = Object.values(late).flat();
    expect(await resent('--since', since)).toEqual(sorted(all));
    expect(await resent('--until', since)).toEqual(sorted(early));
    expect(await resent('--event', 'cart_viewed')).toEqual(sorted(late.carts));
    expect(await resent('--event', 'cart_*')).toEqual(sorted(late.carts));
    expect(await resent('--user', 'one')).toEqual(late.one);
    expect(await resent('--source', 'app')).toEqual(sorted(late.app));
    expect(await resent('--user', 'ada "L" é')).toEqual(sorted([...late.ada, ...late.anonymous]));
    expect(
      await resent('--source', 'shop', '--event', 'order_completed', '--since', since),
    ).toEqual(sorted([...late.orders, ...late.ada, ...late.one, ...late.anonymous]));
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
  }, 120_000);

  test('sends what the filter and the fields of the destination let through, and no more', async () => {
    const crm = 'events: ["order_*"], fields: { drop: ["/properties/email"] }';
    await using rig = await startRig({ crm });
    const orders = await storeEvents(rig.log, many(3));
    await storeEvents(rig.log, many(4, { name: 'cart_viewed' }));
    await rig.settled();
    await until(rig.got, ({ length }) => length === 3);
    rig.clear();
    const { stdout } = await rig.redeliver('--destination', 'crm', '--yes');
    expect(stdout).toBe('3 events were sent again\n');
    expect(sorted(rig.got())).toEqual(sorted(orders));
    for (const { body } of rig.far.received) {
      expect(body.toString()).toContain('"total":12.5');
      expect(body.toString()).not.toContain('email');
    }
    const none = await rig.redeliver('--destination', 'crm', '--event', 'cart_viewed', '--yes');
    expect(none).toMatchObject({ code: 0, stdout: 'nothing to send\n' });
  }, 120_000);

  test('restores what is missing, and the counts of reconcile match again', async () => {
    await using rig = await startRig();
    const ids = await storeEvents(rig.log, many(50));
    await rig.settled();
    const count = (): unknown =>
      rig.sqlite((database) => database.prepare('SELECT count(*) AS n FROM events').get()!['n']);
    await until(count, (rows) => rows === 50);
    rig.sqlite((database) => {
      const remove = database.prepare('DELETE FROM events WHERE event_id = ?');
      for (const id of ids.slice(10, 15)) remove.run(id);
    });
    const env = { HEADGATE_CONFIG: await writeConfig(rig), HEADGATE_DATA_DIR: rig.real.dataDir };
    const reconcile = () => runCli(['reconcile', '--since', '1h'], { env });
    expect((await reconcile()).stderr).toContain('5 missing');
    const missing = ['--destination', 'warehouse', '--missing'];
    const dry = await rig.redeliver(...missing, '--dry-run');
    expect(dry.stdout).toBe('5 would be sent to warehouse again\n');
    const { stdout } = await rig.redeliver(...missing, '--yes', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'DONE',
      sent: '5',
      waiting: '0',
      selection: { destination: 'warehouse', missing: true },
    });
    expect(count()).toBe(50);
    expect((await reconcile()).stderr).toContain('The counts match.');
    // A whole redelivery adds no rows: second copies are refused.
    const whole = await rig.redeliver('--destination', 'warehouse', '--yes');
    expect(whole.stdout).toBe('50 events were sent again\n');
    expect(count()).toBe(50);
    expect((await reconcile()).code).toBe(0);
  }, 180_000);

  test('refuses what cannot be done, and says why', async () => {
    await using rig = await startRig();
    await storeEvents(rig.log, many(400));
    await rig.settled();
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await rig.redeliver(...args, '--yes');
      expect(code).toBeGreaterThan(0);
      return stderr;
    };
    const to = ['--destination', 'crm'];
    expect(await refused()).toContain('name the --destination');
    expect(await refused('--destination', 'crn')).toContain('no destination crn');
    expect(await refused(...to, '--missing')).toContain('crm cannot be asked what it holds');
    expect(await refused(...to, '--event', 'order\tcompleted')).toContain('event_name is no name');
    expect(await refused(...to, '--since', '1h', '--until', '2h')).toContain('not before until');
    expect(await refused(...to, '--rate', '20001')).toContain('from 1 to 20000');
    expect(await refused(...to, '--user', 'a'.repeat(1_001))).toContain('1001 characters');
    const selection = { destination: 'crm' };
    expect(await callRpc(rig, 'StartRedelivery', { selection, rate: 20_001 })).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('at most 20000 events a second'),
    });

    // At the limits.
    const most = { destination: 'warehouse', user: 'a'.repeat(1_000) };
    expect(await callRpc(rig, 'StartRedelivery', { selection: most, rate: 20_000 })).toMatchObject({
      redelivery: { rate: 20_000, state: 'RUNNING' },
    });
    await until(
      async () => (await rig.redeliver('list')).stdout,
      (list) => /\twarehouse\tdone\t/.test(list),
      20_000,
    );

    const started = await callRpc(rig, 'StartRedelivery', { selection, rate: 1 });
    const { id, rate } = (started as { redelivery: { id: string; rate: number } }).redelivery;
    expect(rate).toBe(1);
    expect(await refused(...to)).toContain(`The redelivery ${id} to crm has not ended`);
    // Another destination has its own.
    const other = await rig.redeliver('--destination', 'warehouse', '--yes');
    expect(other.stdout).toBe('400 events were sent again\n');
    const list = await rig.redeliver('list');
    expect(list.stdout).toMatch(/^id\tdestination\tstate\tstarted\twhat\tsent\twaiting\tnote\n/);
    expect(list.stdout).toMatch(new RegExp(`^${id}\tcrm\trunning\t`, 'm'));
    // Compared with what it says on stderr: a failure shows its reason.
    const quietly = async (...args: string[]): Promise<string> => {
      const { stdout, stderr } = await rig.redeliver(...args);
      return stdout + stderr;
    };
    expect(await quietly('pause', id)).toBe(`paused ${id}\n`);
    expect(await quietly('resume', id)).toBe(`running ${id}\n`);
    expect(await quietly('cancel', id)).toMatch(/^cancell(ing|ed) \w+\n$/);
    const followed = await rig.redeliver('follow', id);
    expect(followed.code).toBe(1);
    expect(followed.stdout).toMatch(/^cancelled after \d+ events\n$/);
    expect(await refused('cancel', id)).toContain(`The redelivery ${id} is cancelled already`);
    expect(await refused('cancel', 'nothing')).toContain('No redelivery nothing is known');
    expect(await refused('follow', 'nothing')).toContain('No redelivery nothing is known');
  }, 180_000);

  test('ctrl-C leaves it running, and says how to go on', async () => {
    await using rig = await startRig();
    await storeEvents(rig.log, many(60));
    await rig.settled();
    rig.clear();
    const args = ['redeliver', '--admin', rig.real.adminUrl, '--destination', 'crm', '--yes'];
    const child = spawnCli([...args, '--rate', '20']);
    const answer = collect(child);
    await until(rig.got, ({ length }) => length > 0, 20_000);
    child.kill('SIGINT');
    const { code, stderr } = await answer;
    expect(code).toBe(1);
    const [, id] = /redelivery (\w+) to crm has begun/.exec(stderr)!;
    expect(stderr).toContain(`The redelivery ${id} goes on without this command`);
    expect(stderr).toContain(`headgate redeliver cancel ${id}`);
    expect(new Set(rig.got()).size).toBeLessThan(60);
    const followed = await rig.redeliver('follow', id!);
    expect(followed).toMatchObject({ code: 0, stdout: '60 events were sent again\n' });
    expect(new Set(rig.got()).size).toBe(60);
  }, 120_000);

  test('a gate that stops meanwhile: says that the redelivery goes on, and how to follow it', async () => {
    await using rig = await startRig();
    await storeEvents(rig.log, many(60));
    await rig.settled();
    rig.clear();
    const args = ['redeliver', '--admin', rig.real.adminUrl, '--destination', 'crm', '--yes'];
    const answer = collect(spawnCli([...args, '--rate', '1']));
    await until(rig.got, ({ length }) => length > 0, 20_000);
    await rig.real.stop();
    const { code, stdout, stderr } = await answer;
    const [, id] = /redelivery (\w+) to crm has begun/.exec(stderr)!;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      `\nThe redelivery ${id} has not ended. It goes on by itself as soon as a gate or worker with its ` +
        `destination runs. Show its progress again: headgate redeliver follow ${id}\n`,
    );
    // What is not known to run is not said to go on.
    const away = await rig.redeliver('follow', 'nothing');
    expect(away.code).toBe(1);
    expect(away.stderr).toContain('cannot be reached');
    expect(away.stderr).not.toContain('goes on');
  }, 120_000);

  test('says from where on the log holds events', async () => {
    await using rig = await startRig();
    const { log } = rig;
    await storeEvents(log, many(20));
    await rig.settled();
    await deleteBefore(log, partsOf(log, 'EVENTS')[0]!, 8, 'retention');
    const dry = await rig.redeliver('--destination', 'crm', '--since', '7d', '--dry-run');
    expect(dry.stdout).toBe('13 would be sent to crm again\n');
    expect(dry.stderr).toMatch(/events stored before 20\d\d-.*Z are not in the log any more/);
    const recent = await rig.redeliver('--destination', 'crm', '--since', '1ms', '--dry-run');
    expect(recent.stderr).toBe('');
  }, 120_000);
});

async function writeConfig({ real, far }: Awaited<ReturnType<typeof startRig>>): Promise<string> {
  const file = path.join(real.dataDir, 'headgate.yaml');
  const [crm, warehouse] = real.config.destinations;
  const yaml = {
    destinations: {
      [crm!.name]: {
        type: 'webhook',
        url: `http://127.0.0.1:${far.port}/`,
        secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
        allow_private_addresses: true,
      },
      [warehouse!.name]: { type: 'sqlite', path: String(warehouse!.settings['path']) },
    },
  };
  await writeFile(file, JSON.stringify(yaml));
  return file;
}

async function callRpc(
  { real }: Awaited<ReturnType<typeof startRig>>,
  method: string,
  request: object,
): Promise<unknown> {
  const response = await fetch(`${real.adminUrl}/headgate.v1.RedeliveryService/${method}`, {
    method: 'POST',
    headers: { ...asAdmin.headers, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  return response.json();
}
