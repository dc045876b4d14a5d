import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, onTestFinished, test } from 'vitest';

import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { readBacklog } from '../../src/jetstream/consume/backlog.ts';
import { partitionOf } from '../../src/jetstream/events/event-position.ts';
import { connect } from '../audit/audit-rig.ts';
import { collect, runCli, spawnCli } from '../cli/run-cli.ts';
import { until } from '../delivery/rig.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService, type RealService } from '../real-service.ts';

interface Sent {
  readonly eventId: string;
  readonly sequence: number;
  readonly status: string;
}

async function send(real: RealService, events: readonly unknown[]): Promise<Sent[]> {
  const answer = await fetch(`${real.url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
  });
  const { results } = (await answer.json()) as {
    results: { event_id: string; sequence: number | string; status: string }[];
  };
  return results.map(({ event_id: eventId, sequence, status }) => ({
    eventId,
    sequence: Number(sequence),
    status,
  }));
}

const inWarehouse = <Value>(real: RealService, work: (database: DatabaseSync) => Value): Value => {
  const database = new DatabaseSync(path.join(real.dataDir, 'warehouse.db'));
  try {
    return work(database);
  } finally {
    database.close();
  }
};

test('what people ask of a gate with four partitions is answered from all of them', async () => {
  await using real = await startRealService({ config: {}, env: { HEADGATE_LOG_PARTITIONS: '4' } });
  const { log } = real.service;
  const env = { HEADGATE_DATA_DIR: real.dataDir };
  const followed = spawnCli(['tail', '--admin', real.adminUrl, '--count', '40', '--json']);
  onTestFinished(() => void followed.kill('SIGKILL'));
  const tailed = collect(followed);
  await once(followed.stderr!, 'data');

  // Batches come one after the other, in another ms each, so that their order is known.
  const sent: Sent[] = [];
  for (let batch = 0; batch < 10; batch += 1) {
    const events = Array.from({ length: 4 }, () => order());
    sent.push(...(await send(real, events)));
    await sleep(2);
  }
  expect(new Set(sent.map(({ status }) => status))).toEqual(new Set(['accepted']));
  expect(new Set(sent.map(({ sequence }) => partitionOf(sequence)))).toEqual(new Set([0, 1, 2, 3]));
  await until(
    () => readBacklog(log, 'warehouse'),
    (backlog) => backlog?.waiting === 0,
  );
  const idsOf = (events: readonly Sent[]): string[] => events.map(({ eventId }) => eventId);
  const rows = (): string[] =>
    inWarehouse(real, (database) =>
      database
        .prepare('SELECT event_id FROM events')
        .all()
        .map((row) => String(row['event_id'])),
    );
  expect(rows().toSorted()).toEqual(idsOf(sent).toSorted());

  // tail
  const lines = (await tailed).stdout.trim().split('\n');
  const seen = lines.map((line) => (JSON.parse(line) as { event_id: string }).event_id);
  expect(seen.toSorted()).toEqual(idsOf(sent).toSorted());

  // The list of events: by time, each once.
  const listed: number[] = [];
  let pageToken = '';
  do {
    const page = await connect(real, EventLogService).readEvents({
      eventName: 'order_completed',
      pageSize: 7,
      pageToken,
    });
    listed.push(...page.events.map(({ sequence }) => Number(sequence)));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  const batchOf = new Map(sent.map(({ sequence }, index) => [sequence, Math.floor(index / 4)]));
  const batches = listed.map((sequence) => batchOf.get(sequence)!);
  expect(new Set(listed).size).toBe(40);
  expect(batches).toEqual(batches.toSorted((left, right) => left - right));

  // trace, by the id of an event in the last partition
  const last = sent.find(({ sequence }) => partitionOf(sequence) === 3)!;
  const traced = await runCli(['trace', '--admin', real.adminUrl, last.eventId]);
  expect(traced.stdout).toContain(`at position ${last.sequence} (partition 3, `);
  expect(traced.stdout).toMatch(/^ {2}warehouse .*delivered/m);

  // schemas try
  const tried = await connect(real, SchemaRegistryService).trySchema({
    eventName: 'order_completed',
    version: 1,
  });
  expect(Number(tried.stored)).toBe(40);

  // transform try
  const yaml = path.join(real.dataDir, 'try.yaml');
  await writeFile(
    yaml,
    `destinations:\n  warehouse: { type: sqlite, path: w.db, transform: '{ "user_id": "u9" }' }\n`,
  );
  const args = ['transform', 'try', '--destination', 'warehouse', '--config', yaml];
  const shown = await runCli(args, { env });
  expect(shown.stderr).toContain('40 events: 40 changed, 0 unchanged, 0 filtered, 0 failed');

  // reconcile finds the rows that were deleted, redeliver sends them, and doctor finds no fault.
  const gone = idsOf(sent).filter((_id, index) => index % 9 === 0);
  inWarehouse(real, (database) => {
    for (const id of gone) database.prepare('DELETE FROM events WHERE event_id = ?').run(id);
  });
  const short = await runCli(['reconcile', '--since', '1h', '--json'], { env });
  const report = JSON.parse(short.stdout) as {
    missing: { event_id: string }[];
    log: { partitions: unknown[] };
  };
  expect(report.missing.map(({ event_id }) => event_id).toSorted()).toEqual(gone.toSorted());
  expect(report.log.partitions).toHaveLength(4);
  const target = ['--admin', real.adminUrl, '--destination', 'warehouse'];
  const again = await runCli(['redeliver', ...target, '--missing', '--yes']);
  expect(again.stdout).toBe(`${gone.length} events were sent again\n`);
  expect(rows().toSorted()).toEqual(idsOf(sent).toSorted());
  const sound = await runCli(['reconcile', '--since', '1h'], { env });
  expect(sound.stderr).toContain('The counts match.');
  const doctor = await runCli(['doctor'], { env });
  expect(doctor.stdout).toContain('the gates have found no lost event');
}, 120_000);
