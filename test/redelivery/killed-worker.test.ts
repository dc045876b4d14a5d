import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { publishEvents, until, unsettled } from '../delivery/rig.ts';
import { prepareWorker, type KilledDestination } from '../destinations/killed-worker.ts';
import { askPostgres } from '../destinations/postgres-far-side.ts';
import { startPostgres, whyNoPostgres } from '../destinations/postgres-server.ts';
import { startRealLog } from '../real-log.ts';
import { everything, jobOf } from './lane-rig.ts';

interface Emptied extends Pick<KilledDestination, 'name' | 'settings' | 'ids'> {
  /** Deletes the rows of a part of the events. */
  empty(): Promise<void> | void;
}

/** Half of the rows, by the last digit of the id: the other half refuses its second copies. */
const deleteSome =
  "DELETE FROM events WHERE substr(event_id, 36) IN ('0', '2', '4', '6', '8', 'a', 'c', 'e')";

function sqliteDestination(): Emptied {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-redelivery-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'warehouse.db');
  const open = <Value>(work: (database: DatabaseSync) => Value): Value => {
    const database = new DatabaseSync(file, { timeout: 5_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  return {
    name: 'files',
    settings: { type: 'sqlite', path: file },
    ids: () =>
      open((database) => database.prepare('SELECT event_id FROM events').all()).map((row) =>
        String(row['event_id']),
      ),
    empty: () => open((database) => void database.exec(deleteSome)),
  };
}

async function postgresDestination(): Promise<Emptied> {
  const server = await startPostgres();
  onTestFinished(() => server.close());
  const { url, password } = server;
  return {
    name: 'tables',
    settings: { type: 'postgres', url, password, tls: false, timeout: '10s' },
    ids: async () => {
      const rows = await askPostgres<{ event_id: string }>(server, 'SELECT event_id FROM events');
      return rows.map((row) => row.event_id);
    },
    empty: async () =>
      void (await askPostgres(server, deleteSome.replace('event_id, 36', 'event_id::text, 36'))),
  };
}

const events = 6_000;

const idsOf = async ({ ids }: Emptied): Promise<string[]> => ids();

/** Resolves to the ids that were published, and those that are there at the end. */
async function redeliverWhileKilled(destination: Emptied) {
  const { name } = destination;
  await using real = await startRealLog({ storageBytesMax: 256 * 1024 * 1024 });
  await using worker = await prepareWorker(real, [destination]);
  let run = await worker.start();
  const ids = (await publishEvents(real.log, events)).toSorted();
  await until(
    // The table may not exist yet.
    async () => (await idsOf(destination).catch(() => [])).length,
    (count) => count === events,
    60_000,
  );
  await until(
    () => unsettled(real.log, name),
    (left) => left === 0,
    60_000,
  );
  await destination.empty();
  const left = (await destination.ids()).length;
  expect(left).toBeLessThan(events);

  const { id } = await createRedeliveryJobs(real.log).start(name, everything, 1_500);
  for (const part of [0.25, 0.6]) {
    await until(
      () => jobOf(real.log, id),
      ({ sent }) => sent >= events * part,
      60_000,
    );
    run.kill('SIGKILL');
    await run.exit;
    const killed = await jobOf(real.log, id);
    expect(killed).toMatchObject({ state: 'running', holder: expect.stringMatching(/./) });
    expect(killed.sent).toBeLessThan(events);
    run = await worker.start();
  }
  const done = await until(
    () => jobOf(real.log, id),
    ({ state }) => state === 'done',
    90_000,
  );
  expect(done.sent).toBe(events);
  const there = (await destination.ids()).toSorted();
  run.kill('SIGTERM');
  expect((await run.exit).code).toBe(0);
  return { ids, there };
}

/** Not toEqual: the difference of thousands of ids takes minutes to print. */
const isSame = ({ ids, there }: Awaited<ReturnType<typeof redeliverWhileKilled>>): boolean =>
  there.length === events && there.every((each, index) => each === ids[index]);

/* Together: most of their time is waiting for the lease of the killed worker to end. */
test('two kill -9 in the middle of a redelivery, to sqlite and to postgres: each event is there once', async () => {
  const why = whyNoPostgres();
  if (why !== undefined) console.log(`without postgres: ${why}`);
  const destinations = [
    sqliteDestination(),
    ...(why === undefined ? [await postgresDestination()] : []),
  ];
  const ends = await Promise.all(destinations.map(redeliverWhileKilled));
  expect(ends.map(isSame)).toEqual(destinations.map(() => true));
});
