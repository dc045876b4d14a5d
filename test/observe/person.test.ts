import { randomUUID } from 'node:crypto';

import { expect, onTestFinished, test } from 'vitest';

import { AuditService } from '../../gen/headgate/v1/audit_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { connect } from '../audit/audit-rig.ts';
import { runCli } from '../cli/run-cli.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { startRealService } from '../real-service.ts';

/** Written with escapes by many clients. */
const person = 'jürgen "J" müller';

test('the events of a person are found by user id and anonymous id, wherever they are', async () => {
  const hook = await startHttpServer((_request, response) => response.writeHead(422).end());
  onTestFinished(() => hook.close());
  await using real = await startRealService({
    yaml: [
      'destinations:',
      '  crm:',
      '    type: webhook',
      `    url: http://127.0.0.1:${hook.port}/`,
      '    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      '    allow_private_addresses: true',
      '    retry: { attempts: 1 }',
    ].join('\n'),
  });
  const [events, rejected, dead, tail, audit] = [
    connect(real, EventService),
    connect(real, RejectedService),
    connect(real, DeadLetterService),
    connect(real, TailService),
    connect(real, AuditService),
  ] as const;

  const leaving = new AbortController();
  const tailed: string[] = [];
  const watching = Promise.withResolvers<void>();
  const watched = (async () => {
    for await (const { what } of tail.tail({ user: person }, { signal: leaving.signal })) {
      if (what.case === 'started') watching.resolve();
      if (what.case === 'event') tailed.push(what.value.idempotencyKey);
    }
  })().catch(() => {});
  await watching.promise;

  const send = async (ids: object, path = '/v1/track', total: unknown = 5): Promise<string> => {
    const idempotencyKey = randomUUID();
    const isConnect = path !== '/v1/track';
    const event = {
      [isConnect ? 'eventName' : 'event_name']: 'order_completed',
      [isConnect ? 'idempotencyKey' : 'idempotency_key']: idempotencyKey,
      ...ids,
      properties: { order_id: 'A-1', total, currency: 'EUR' },
      context: { note: person },
    };
    // Escaped as other writers of JSON do.
    const text = JSON.stringify(isConnect ? { event } : event).replaceAll('ü', '\\u00fc');
    const headers = { 'content-type': 'application/json' };
    await fetch(`${real.url}${path}`, { method: 'POST', headers, body: text });
    return idempotencyKey;
  };
  const track = '/headgate.v1.TrackService/Track';
  const other = { user_id: 'u-1' };
  // What mentions the person is not of the person.
  await send(other);
  await send(other, '/v1/track', 'x');
  const stored = [await send({ user_id: person }), await send({ anonymous_id: person })];
  const refused = [
    await send({ user_id: person }, '/v1/track', 'x'),
    await send({ userId: person }, track, 'x'),
  ];

  const located = await events.locate({ user: person });
  expect(located.nextPageToken).toBe('');
  expect(
    located.events.map(({ place }) => [
      place.case,
      place.case === 'stored' && place.value.idempotencyKey,
    ]),
  ).toEqual([...stored.map((key) => ['stored', key]), ...refused.map(() => ['rejected', false])]);
  const keysOf = (list: readonly { readonly idempotencyKey: string }[]): string[] =>
    list.map(({ idempotencyKey }) => idempotencyKey);
  const listed = await rejected.listRejected({ filter: { user: person }, pageSize: 10 });
  expect(keysOf(listed.rejected)).toEqual(refused);
  const counted = await rejected.countRejected({ filter: { user: 'u-1' } });
  expect(counted.counts.reduce((sum, { count }) => sum + count, 0n)).toBe(1n);

  await expect
    .poll(async () => (await dead.countDeadLetters({})).count, { timeout: 20_000 })
    .toBe(3n);
  const letters = await dead.listDeadLetters({ user: person, pageSize: 10 });
  expect(letters.deadLetters.map(({ event }) => event?.idempotencyKey).toSorted()).toEqual(
    stored.toSorted(),
  );
  await expect
    .poll(() => tailed.toSorted(), { timeout: 20_000 })
    .toEqual([...stored, ...refused].toSorted());
  leaving.abort();
  await watched;

  const { code, stdout } = await runCli(['trace', '--user', person, '--admin', real.adminUrl]);
  expect(code).toBe(0);
  expect(
    stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t')[1]),
  ).toEqual(['accepted', 'accepted', 'schema_violation', 'schema_violation']);

  // Who looked is recorded, and not at whom.
  const entries = await audit.listAudit({ pageSize: 100 });
  const text = JSON.stringify(entries, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  expect(text).toContain('of_a_person');
  expect(text).not.toContain('müller');

  await expect(events.locate({ user: 'x'.repeat(1_000) })).resolves.toBeDefined();
  for (const call of [
    events.locate({ user: 'x'.repeat(1_001) }),
    rejected.listRejected({ filter: { user: 'x'.repeat(1_001) } }),
    dead.listDeadLetters({ user: 'x'.repeat(1_001) }),
  ]) {
    await expect(call).rejects.toThrow('at most 1000');
  }
  await expect(events.locate({ user: 'a', id: 'b' })).rejects.toThrow('or a user alone');
}, 120_000);
