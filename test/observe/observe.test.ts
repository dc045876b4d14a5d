import { randomUUID } from 'node:crypto';
import path from 'node:path';

import { Analytics } from '@segment/analytics-node';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { decodeStoredEvent } from '../../src/event/stored-event.ts';
import { asAdmin } from '../admin-token.ts';
import { connect } from '../audit/audit-rig.ts';
import { collect, runCli, spawnCli, type CliAnswer } from '../cli/run-cli.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { titles } from './segment-titles.ts';

/** Names that are something to NATS, to a glob, to a file system, to a metric or to us. */
const odd = ['*', '>', 'a.b.*', '../etc', 'order_completed', 'Order Completed', '_other', '$KV'];

let gate: OpenGate;
const cli = (...args: string[]): Promise<CliAnswer> =>
  runCli([...args, '--admin', gate.real.adminUrl]);

beforeAll(async () => {
  gate = await openGate({
    config: { schemasDir: path.join(import.meta.dirname, 'nowhere'), schemasDirNamed: false },
  });
});

afterAll(() => gate[Symbol.asyncDispose]());

async function track(eventName: string, more: object = {}): Promise<Record<string, never>> {
  const event = { event_name: eventName, user_id: 'u-1', idempotency_key: randomUUID(), ...more };
  const answer = await fetch(`${gate.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
  return (await answer.json()) as Record<string, never>;
}

const metrics = async (): Promise<string> =>
  (await fetch(`${gate.real.adminUrl}/metrics`, asAdmin)).text();

test('an application of Segment with 30 names loses nothing on its first day', async () => {
  const tail = spawnCli(['tail', '--admin', gate.real.adminUrl, '--count', '30', '--json']);
  const tailed = collect(tail);
  await new Promise((resolve) => tail.stderr!.once('data', resolve));
  const analytics = new Analytics({
    writeKey: 'any',
    host: gate.url,
    path: '/v1/segment/batch',
    flushAt: 10,
  });
  const errors: unknown[] = [];
  analytics.on('error', (error) => errors.push(error));
  for (const event of titles) {
    analytics.track({ userId: 'u-1', event, properties: { plan: 'team', steps: [1, 2] } });
  }
  await analytics.closeAndFlush();

  expect(errors).toEqual([]);
  expect(await gate.rejected()).toEqual([]);
  const stored = (await gate.events()).map(({ bytes }) => decodeStoredEvent(bytes));
  expect(stored.map(({ vendorCall }) => vendorCall?.eventName)).toEqual(titles);
  expect(stored.map(({ warnings }) => warnings?.[0]?.code)).toEqual(
    titles.map(() => 'unplanned_event'),
  );
  expect(stored.slice(0, 3).map(({ eventName }) => eventName)).toEqual([
    'login',
    'logout',
    'signed_up',
  ]);
  expect((await tailed).stdout.trim().split('\n')).toHaveLength(30);

  const list = await cli('schemas', 'list', '--json');
  const listed = list.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(list.stderr).toContain('Observe mode');
  expect(listed).toHaveLength(30);
  const login = listed.find(({ name }) => name === 'login');
  expect(login).toMatchObject({ events: '1', unplanned: true });
  expect(Date.now() - Date.parse(login!['lastEventAt']!)).toBeLessThan(60_000);
  const page = await metrics();
  for (const { name } of listed) {
    expect(page).toContain(
      `headgate_events_total{source="default",event_name="${name}",outcome="accepted"} 1`,
    );
  }
});

test('names that mean something elsewhere are stored, found and counted as they were sent', async () => {
  const before = await gate.last('EVENTS');
  for (const name of odd) expect(await track(name)).toMatchObject({ status: 'accepted' });
  const kept = await gate.events(before);
  expect(kept.map(({ bytes }) => (JSON.parse(bytes.toString()) as never)['eventName'])).toEqual(
    odd,
  );
  expect(new Set(kept.map(({ subject }) => subject)).size).toBe(odd.length);
  expect(kept.map(({ subject }) => subject.split('.').length)).toEqual(odd.map(() => 5));
  expect(kept[4]!.subject).toBe('headgate.events.0.default.order_completed');

  const events = connect(gate.real, EventService);
  const log = connect(gate.real, EventLogService);
  for (const [at, eventName] of odd.entries()) {
    const { idempotencyKey } = JSON.parse(kept[at]!.bytes.toString()) as Record<string, string>;
    const { events: located } = await events.locate({ id: idempotencyKey!, eventName });
    expect(located.map(({ place }) => place.value)).toMatchObject([{ eventName }]);
    const read = await log.readEvents({ eventName, pageSize: 10 });
    const names = read.events.map(
      ({ storedJson }) => (JSON.parse(Buffer.from(storedJson).toString()) as never)['eventName'],
    );
    expect(new Set(names)).toEqual(new Set([eventName]));
  }
  const { stdout } = await cli('schemas', 'list');
  for (const name of odd) expect(stdout).toContain(`\n${name}\t`);
  const page = await metrics();
  expect(page).toContain('event_name="a.b.*",outcome="accepted"} 1');
  expect(page).toMatch(/event_name="_other",outcome="accepted"\} 1\n/);
});

test('what is no name is refused, and says why', async () => {
  for (const [name, why] of [
    ['', 'missing'],
    [' ', 'missing'],
    ['a\nb', 'control character'],
    ['a\u202eb', 'control character'],
    ['x'.repeat(129), '128 bytes'],
    ['ß'.repeat(65), '128 bytes'],
  ] as const) {
    const answer = await track(name);
    expect(answer).toMatchObject({
      code: 'invalid_event_name',
      detail: expect.stringContaining(why),
    });
  }
  expect(await track('x'.repeat(128))).toMatchObject({ status: 'accepted' });
  expect(await track('ß'.repeat(64))).toMatchObject({ status: 'accepted' });
});

test('two spellings of one text are one name', async () => {
  const before = await gate.last('EVENTS');
  await track('Cafe\u0301 Viewed');
  await track('Caf\u00e9 Viewed');
  const subjects = (await gate.events(before)).map(({ subject }) => subject);
  expect(subjects).toEqual(Array(2).fill('headgate.events.0.default.Caf=c3=a9=20Viewed'));
});

test('the admin port and doctor say that nothing is enforced', async () => {
  for (const page of ['readyz', 'healthz']) {
    const text = await (await fetch(`${gate.real.adminUrl}/${page}`)).text();
    expect(text).toContain('observe mode: there are no contracts');
  }
  expect(await metrics()).toMatch(/^headgate_observe_mode 1$/m);
  expect(gate.real.service.observing()).toBe(true);
});
