import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import {
  DestinationService,
  DestinationStatus_State,
} from '../../gen/headgate/v1/destination_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { eventIdOf } from '../../src/event/event-id.ts';
import { followFarContracts } from '../../src/service/follow/follow-far-contracts.ts';
import { adminToken, asAdmin } from '../admin-token.ts';
import { connect } from '../audit/audit-rig.ts';
import { runCli } from '../cli/run-cli.ts';
import type { RealService } from '../real-service.ts';
import { relayConfig, relayKey, relayName, startFar, startRelayHere, type FarGate } from './far.ts';

let far: FarGate;
let relay: RealService;
const folder = mkdtempSync(path.join(tmpdir(), 'headgate-relay-'));

beforeAll(async () => {
  far = await startFar({ HEADGATE_SCHEMAS_SOURCE: 'registry' });
  relay = await startRelayHere(far.network.port, { HEADGATE_DATA_DIR: path.join(folder, 'relay') });
});
afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  await far?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: string;
  readonly schema_version?: number;
  readonly code?: string;
  readonly error?: { readonly code: string };
}

async function track(
  properties: object,
  more: object = {},
  at = relay,
): Promise<Answer & { key: string }> {
  const { idempotency_key: key = randomUUID() } = more as { idempotency_key?: string };
  const response = await fetch(`${at.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      event_name: 'order_completed',
      user_id: 'u-1',
      idempotency_key: key,
      properties,
      ...more,
    }),
  });
  return { ...((await response.json()) as Answer), key };
}

const good = { order_id: 'A-1', total: 1.5, currency: 'EUR' };
const arrived = (key: string): string[] => far.rows().get(key) ?? [];
const once = (key: string): string[] => [eventIdOf('shop-fra', key)];

test('the verdict is that of the far contracts, and the event arrives as its source', async () => {
  const accepted = await track(good);
  expect(accepted).toMatchObject({ status: 'accepted', schema_version: 2 });
  expect(await track({ order_id: 'A-1' })).toMatchObject({ code: 'schema_violation' });
  expect(await track(good, { event_name: 'cart_exploded' })).toMatchObject({
    code: 'invalid_event_name',
  });
  await expect.poll(() => arrived(accepted.key)).toEqual(once(accepted.key));
});

test('trace at the far gate says through which relay, and when that took it', async () => {
  const { key } = await track(good);
  const events = connect(far.gate, EventService);
  const locate = async () => (await events.locate({ id: key })).events[0]?.place;
  await expect.poll(locate).toMatchObject({
    case: 'stored',
    value: {
      source: 'shop-fra',
      relay: `${relayName}/host-1`,
      takenAt: expect.objectContaining({ seconds: expect.anything() }),
    },
  });
});

test('the far gate counts by relay, with its lag', async () => {
  const { key } = await track(good);
  await expect.poll(() => arrived(key)).toEqual(once(key));
  const text = await (await fetch(`${far.gate.adminUrl}/metrics`, asAdmin)).text();
  const of = `relay="${relayName}"`;
  expect(text).toMatch(
    new RegExp(`headgate_relayed_events_total\\{${of},outcome="accepted"\\} [1-9]`),
  );
  expect(text).toMatch(new RegExp(`headgate_relay_contracts_requests_total\\{${of}\\} [1-9]`));
  expect(text).toMatch(new RegExp(`headgate_relay_lag_seconds_count\\{${of}\\} [1-9]`));
});

test('with the far gate away, verdicts go on, also after a restart, and nothing of an SDK is lost', async () => {
  await far.network.close();
  await relay.stop();
  relay = await startRelayHere(far.network.port, { HEADGATE_DATA_DIR: path.join(folder, 'relay') });
  // The contracts of its disk.
  expect(await track({ order_id: 'A-1' })).toMatchObject({ code: 'schema_violation' });
  const messageIds = Array.from({ length: 20 }, () => randomUUID());
  const calls = messageIds.map((messageId) => ({
    type: 'track',
    event: 'Order Completed',
    userId: 'u-2',
    messageId,
    properties: good,
  }));
  const response = await fetch(`${relay.url}/v1/segment/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ batch: calls, sentAt: new Date().toISOString() }),
  });
  expect(response.status).toBe(200);
  expect(messageIds.flatMap(arrived)).toEqual([]);
  await far.network.listen();
  await expect
    .poll(() => messageIds.map(arrived), { timeout: 15_000 })
    .toEqual(messageIds.map(once));
});

test('what the far contracts refuse by now is a dead letter here, which a replay settles', async () => {
  const contracts = connect(far.gate, SchemaRegistryService);
  const deadLetters = connect(relay, DeadLetterService);
  await far.network.close();
  // Without a url: stored with a warning, as page_viewed is in the mode `warn`.
  const page = { event_name: 'page_viewed' };
  const { key, status } = await track({ path: '/' }, page);
  expect(status).toBe('accepted');
  const taxonomy = readFileSync(new URL('../../schemas/taxonomy.yaml', import.meta.url), 'utf8');
  await contracts.pushTaxonomy({ taxonomy: taxonomy.replace('mode: warn', 'mode: enforce') });
  await far.network.listen();
  const list = async () => (await deadLetters.listDeadLetters({})).deadLetters;
  await expect.poll(list, { timeout: 15_000 }).toHaveLength(1);
  const [letter] = await list();
  expect(letter!.reason).toMatch(/^rejected by 127\.0\.0\.1:\d+: schema_violation: /);
  // By now the relay knows the change too.
  await expect.poll(async () => (await track({}, page)).code).toBe('schema_violation');
  const edits = [{ path: '/properties', valueJson: '{"url":"https://shop.example/"}' }];
  await deadLetters.fixDeadLetter({ id: letter!.id, edits });
  await deadLetters.replayDeadLetter({ id: letter!.id });
  await expect.poll(() => arrived(key), { timeout: 15_000 }).toEqual(once(key));
});

test('two relays with one name and one key: each event arrives, and one that both took arrives once', async () => {
  const dataDir = path.join(folder, 'second');
  await using second = await startRelayHere(far.network.port, { HEADGATE_DATA_DIR: dataDir });
  const both = { idempotency_key: randomUUID() };
  const answers = await Promise.all(
    [relay, second].flatMap((at) => [track(good, {}, at), track(good, both, at)]),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 'accepted'));
  const keys = answers.map(({ key }) => key);
  await expect.poll(() => keys.map(arrived), { timeout: 15_000 }).toEqual(keys.map(once));
  const destinations = connect(second, DestinationService);
  const waiting = async () => (await destinations.listDestinations({})).destinations[0]!.waiting;
  await expect.poll(waiting, { timeout: 15_000 }).toBe(0n);
  expect(keys.map(arrived)).toEqual(keys.map(once));
});

test('a relay whose key is revoked waits, says so, and loses nothing', async () => {
  const dataDir = path.join(folder, 'revoked');
  const writeKeys = connect(far.gate, KeyService);
  const made = await writeKeys.createKey({ source: 'relay-ber', relaySources: ['shop-*'] });
  const start = (key?: string) =>
    startRelayHere(
      far.network.port,
      { HEADGATE_DATA_DIR: dataDir },
      { ...(key !== undefined && { key }) },
    );
  const before = await start(made.secret);
  const keys: string[] = [];
  try {
    const { key } = await track(good, {}, before);
    await expect.poll(() => arrived(key), { timeout: 15_000 }).toEqual(once(key));
    await writeKeys.revokeKey({ id: made.key!.id });
    const destinations = connect(before, DestinationService);
    const state = async () => {
      // The far gate forgets a key within seconds: an event that came before is no event of this test.
      keys.push((await track(good, {}, before)).key);
      return (await destinations.listDestinations({})).destinations[0];
    };
    await expect.poll(state, { timeout: 20_000, interval: 200 }).toMatchObject({
      state: DestinationStatus_State.PARKED,
      reason: expect.stringContaining(`unauthenticated (key ${made.key!.id})`),
    });
    // Its verdicts go on, by the contracts that it has.
    expect(await track({ order_id: 'A-1' }, {}, before)).toMatchObject({
      code: 'schema_violation',
    });
    const { key: last } = await track(good, {}, before);
    expect(arrived(last)).toEqual([]);
    keys.push(key, last);
    expect((await connect(before, DeadLetterService).listDeadLetters({})).deadLetters).toEqual([]);
  } finally {
    await before[Symbol.asyncDispose]();
  }
  await using again = await start();
  keys.push((await track(good, {}, again)).key);
  await expect.poll(() => keys.map(arrived), { timeout: 20_000 }).toEqual(keys.map(once));
});

test('contracts that the disk did not take are kept once it does', async () => {
  const kept = path.join(folder, 'relay', 'contracts.json');
  const inTheWay = `${kept}.next`;
  mkdirSync(inTheWay);
  const contracts = connect(far.gate, SchemaRegistryService);
  const taxonomy = readFileSync(new URL('../../schemas/taxonomy.yaml', import.meta.url), 'utf8');
  const verbs = taxonomy.replace('verbs: [', 'verbs: [teleported, ');
  expect(verbs).not.toBe(taxonomy);
  await contracts.pushTaxonomy({ taxonomy: verbs });
  const verdict = async () => (await track(good, { event_name: 'cart_teleported' })).code;
  await expect.poll(verdict).toBe('unplanned_event');
  expect(readFileSync(kept, 'utf8')).not.toContain('teleported');
  rmSync(inTheWay, { recursive: true });
  await expect.poll(() => readFileSync(kept, 'utf8')).toContain('teleported');
});

test.each<[string, (form: { headerJson: string; events: object[] }) => object]>([
  ['a header that is not JSON', (form) => ({ ...form, headerJson: 'x' })],
  ['fewer events', (form) => ({ ...form, events: [] })],
  ['no list of events', (form) => ({ ...form, events: undefined })],
  ['an event without its schemas', (form) => ({ ...form, events: [{ name: 'order_completed' }] })],
])('kept contracts with %s are replaced by those of the far gate', async (_what, damage) => {
  const kept = path.join(folder, 'relay', 'contracts.json');
  await relay.stop();
  const whole = readFileSync(kept, 'utf8');
  // Its revision stays right.
  writeFileSync(kept, JSON.stringify(damage(JSON.parse(whole))));
  relay = await startRelayHere(far.network.port, { HEADGATE_DATA_DIR: path.join(folder, 'relay') });
  await expect
    .poll(async () => (await track({ order_id: 'A-1' })).code, { timeout: 10_000 })
    .toBe('schema_violation');
  await expect.poll(() => readFileSync(kept, 'utf8')).toBe(whole);
});

test('events that wait are tried as soon as the far gate answers, with the key that it takes', async () => {
  const stops: (() => void | Promise<void>)[] = [];
  const probed: string[] = [];
  const away: unknown[] = [];
  const follow = (key: string) => {
    return followFarContracts({
      config: { ...relayConfig(far.network.port, { key }), dataDir: folder },
      useContracts: () => {},
      delivery: () => ({ probeSoon: (name) => void probed.push(name) }),
      signals: {
        registryChanged: () => {},
        registryFollowed: () => {},
        registryFault: () => {},
        gateContractsAway: (error) => void away.push(error),
        warning: () => {},
      },
      lifecycle: { onRelease: (_name, stop) => void stops.push(stop) },
    });
  };
  try {
    await follow('hg_another-key');
    await expect.poll(() => away).toHaveLength(1);
    expect(probed).toEqual([]);
    await follow(relayKey);
    await expect.poll(() => probed.length).toBeGreaterThan(1);
    expect(new Set(probed)).toEqual(new Set(['gate']));
  } finally {
    for (const stop of stops) await stop();
  }
  expect(away).toHaveLength(1);
});

test('a command beside a relay finds its token, and that of a gate first', async () => {
  const write = (name: string, token: string): void => {
    mkdirSync(path.join(folder, name), { recursive: true });
    writeFileSync(path.join(folder, name, 'admin-token'), `${token}\n`, { mode: 0o600 });
  };
  const list = () =>
    runCli(['destinations', '--admin', relay.adminUrl], {
      cwd: folder,
      env: { HEADGATE_ADMIN_TOKEN: '' },
    });
  expect((await list()).stderr).toMatch(/asks for another token/);
  write('relay-data', adminToken);
  expect(await list()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/gate +headgate|gate\theadgate/),
  });
  write('data', 'hg_admin_of-another-gate');
  expect((await list()).stderr).toMatch(/asks for another token/);
});
