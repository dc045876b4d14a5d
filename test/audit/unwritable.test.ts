import { Code, ConnectError } from '@connectrpc/connect';
import { expect, onTestFinished, test } from 'vitest';

import { AuditService } from '../../gen/headgate/v1/audit_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { hasRoomToBegin } from '../../src/audit/audit-log.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { sizeOf } from '../../src/jetstream/read/stream-size.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { asAdmin } from '../admin-token.ts';
import { makeSound } from '../dead-letters/dead-rig.ts';
import { order } from '../endpoints/sample-events.ts';
import { freeze } from '../frozen-process.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { connect, readEntries, sendEvent } from './audit-rig.ts';

/* Where the audit log cannot be written, operators can neither act nor read events. */

async function startWithEvents(): Promise<RealService> {
  const real = await startRealService();
  onTestFinished(() => real[Symbol.asyncDispose]());
  await sendEvent(real, order({ user_id: 'null' }));
  await makeSound(real.service.log, 3);
  return real;
}

async function deadLetterIds(real: RealService): Promise<[string, string, string]> {
  const { deadLetters } = await connect(real, DeadLetterService).listDeadLetters({});
  return deadLetters.map(({ id }) => id) as [string, string, string];
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: unknown) => Code[ConnectError.from(error).code],
  );

const messageOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: unknown) => ConnectError.from(error).rawMessage,
  );

async function firstOfTail(real: RealService): Promise<unknown> {
  for await (const { what } of connect(real, TailService).tail({})) return what.case;
  return undefined;
}

/** What goes on: health, metrics, contracts and counts. */
async function isUp(real: RealService): Promise<unknown[]> {
  const status = async (page: string): Promise<number> =>
    (await fetch(`${real.adminUrl}${page}`, asAdmin)).status;
  return [
    await status('/healthz'),
    await status('/readyz'),
    await status('/metrics'),
    await codeOf(connect(real, DestinationService).listDestinations({})),
    await codeOf(connect(real, SchemaRegistryService).listSchemas({})),
    await codeOf(connect(real, RejectedService).countRejected({})),
  ];
}

/** Sets the limit of the stream so that something may just begin, or just not. */
async function limitRoom(real: RealService, isFull: boolean): Promise<void> {
  const { manager } = clientsForTests(real.service.log);
  const { bytes } = await sizeOf(real.service.log, 'AUDIT');
  let bytesMax = bytes;
  while (!hasRoomToBegin({ bytes, bytesMax })) bytesMax += 1;
  await manager.streams.update('AUDIT', { max_bytes: isFull ? bytesMax - 1 : bytesMax });
}

test('full: at its limit an act begins and has its outcome; one byte more, and nothing is done', async () => {
  const real = await startWithEvents();
  const { log } = real.service;
  const deadLetters = connect(real, DeadLetterService);
  const [first, second, third] = await deadLetterIds(real);
  await deadLetters.discardDeadLetter({ id: first, why: 'before it is full' });

  // In a stream of its usual size the reserve has room for an act.
  await log.store('AUDIT', subjects.audit('Filler', '000'), {}, 'x'.repeat(200_000));
  await limitRoom(real, false);
  await deadLetters.replayDeadLetter({ id: second });
  expect((await readEntries(log)).at(-1)).toMatchObject({
    action: 'ReplayDeadLetter',
    outcome: 'ok',
  });

  await limitRoom(real, true);
  const entries = (await readEntries(log)).length;
  const { count } = await deadLetters.countDeadLetters({});
  expect(count).toBe(1n);
  const refused = [
    deadLetters.replayDeadLetter({ id: third }),
    deadLetters.discardDeadLetter({ id: third, why: 'it is full' }),
    deadLetters.getDeadLetter({ id: third }),
    deadLetters.listDeadLetters({}),
    connect(real, RejectedService).listRejected({}),
    connect(real, RejectedService).discardRejected({ sequence: 1n, why: 'it is full' }),
    connect(real, AuditService).listAudit({}),
    firstOfTail(real),
  ];
  for (const text of await Promise.all(refused.map(messageOf))) {
    expect(text).toMatch(/The audit log holds \d+ bytes of \d+, so that nothing was done or shown/);
    expect(text).toContain('Shorten audit.retention or raise log.storage_bytes_max');
  }
  expect((await deadLetters.countDeadLetters({})).count).toBe(1n);
  const { counts } = await connect(real, RejectedService).countRejected({});
  expect(counts.map((one) => one.count)).toEqual([1n]);
  expect(await readEntries(log)).toHaveLength(entries);
  expect(await isUp(real)).toEqual([200, 200, 200, 'ok', 'ok', 'ok']);

  const page = await (await fetch(`${real.adminUrl}/metrics`, asAdmin)).text();
  expect(page).toMatch(/^headgate_audit_failures_total [89]$/m);
  expect(page).toMatch(/^headgate_audit_entries_total\{action="ReplayDeadLetter"\} 1$/m);
}, 60_000);

test('NATS away: an act is refused before it is done, and works afterwards', async () => {
  const real = await startWithEvents();
  const deadLetters = connect(real, DeadLetterService);
  const [id] = await deadLetterIds(real);
  const processId = real.service.embedded!.processId()!;
  await freeze(processId);
  const refused = await messageOf(
    deadLetters.discardDeadLetter({ id, why: 'while it is away' }),
  ).finally(() => process.kill(processId, 'SIGCONT'));
  expect(refused).toContain(
    'Nothing was done or shown, because the audit log could not be written',
  );

  await expect
    .poll(() => codeOf(deadLetters.getDeadLetter({ id })), { timeout: 20_000 })
    .toBe('ok');
  expect((await deadLetters.countDeadLetters({})).count).toBe(3n);
}, 60_000);

test('an outcome that cannot be written leaves it unknown, and the act is answered', async () => {
  const real = await startWithEvents();
  const { log } = real.service;
  const { manager } = clientsForTests(log);
  const [id] = await deadLetterIds(real);
  // The stream has room for the intent and not for the outcome.
  const store = log.store;
  let stored = 0;
  Object.assign(log, {
    store: async (...message: Parameters<typeof store>) => {
      if (message[0] !== 'AUDIT') return store(...message);
      stored += 1;
      if (stored === 2) {
        const { bytes } = await sizeOf(log, 'AUDIT');
        await manager.streams.update('AUDIT', { max_bytes: bytes });
      }
      return store(...message);
    },
  });
  await connect(real, DeadLetterService).replayDeadLetter({ id });
  Object.assign(log, { store });
  expect(stored).toBe(2);
  const [entry] = await readEntries(log, { action: 'ReplayDeadLetter' });
  expect(entry).toMatchObject({ outcome: 'unknown', endedMs: undefined });
}, 60_000);
