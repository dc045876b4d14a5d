import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashOperatorToken, newOperatorToken } from '../../src/config/operators/operator-token.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import {
  createRegistryService,
  type RegistryServiceParts,
} from '../../src/operators/contracts/registry-service.ts';
import { walkTraffic, type TrafficSources } from '../../src/operators/contracts/walk-traffic.ts';
import type { SchemaRegistry } from '../../src/validation/schema-registry.ts';
import { askAdmin } from '../ask-admin.ts';
import { order, type Sample } from '../endpoints/sample-events.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { startRealService, type RealService } from '../real-service.ts';

/* What the first pages of the console read, from a real service with real events. */

let dataDir: string;
let real: RealService;
const start = (yaml = ''): Promise<RealService> =>
  startRealService({ env: { HEADGATE_DATA_DIR: dataDir }, yaml });

const good = { order_id: 'A', total: 1, currency: 'EUR' };

async function send({ url }: RealService, events: readonly Sample[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ events });
  const answer = await fetch(`${url}/v1/batch`, { method: 'POST', headers, body });
  expect([202, 207]).toContain(answer.status);
}

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-overview-'));
  real = await start();
  await send(real, [
    ...Array.from({ length: 30 }, () => order({ properties: good })),
    order({ properties: { order_id: 'A', total: 'much' } }),
    order({ properties: { order_id: 'A', total: 'more' } }),
    order({ event_name: 'ticket_created', properties: { ticket: 'T-1', cents: 5 } }),
  ]);
});
afterAll(async () => {
  await real[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

interface Counts {
  readonly hours: {
    readonly hour: string;
    readonly accepted?: string;
    readonly rejected?: string;
    readonly delivered?: string;
    readonly deadLetters?: string;
  }[];
  readonly destinations?: { readonly destination: string; readonly delivered: string }[];
  readonly events?: {
    readonly eventName: string;
    readonly source: string;
    readonly accepted?: string;
    readonly rejected?: string;
    readonly deadLetters?: string;
  }[];
  readonly updatedAt?: string;
}

const countsOf = ({ adminUrl }: RealService, request: object = {}): Promise<Counts> =>
  askAdmin(adminUrl, 'SignalService/GetHourlyCounts', request);

const sum = (
  counts: Counts,
  outcome: 'accepted' | 'rejected' | 'delivered' | 'deadLetters',
): number => counts.hours.reduce((total, hour) => total + Number(hour[outcome] ?? 0), 0);

describe('the catalogue of events', () => {
  interface Listed {
    readonly name: string;
    readonly planned?: boolean;
    readonly activeVersion?: number;
    readonly stored?: string;
    readonly rejected?: string;
    readonly sources?: { source: string; stored?: string; rejected?: string }[];
    readonly lastEventAt?: string;
  }
  test('has every contract, and every name that came', async () => {
    const answer = await askAdmin<{ events: Listed[]; source: string }>(
      real.adminUrl,
      'CatalogService/ListEvents',
    );
    expect(answer.source).toBe('files');
    const completed = answer.events.find(({ name }) => name === 'order_completed')!;
    expect(completed).toMatchObject({
      planned: true,
      stored: '30',
      rejected: '2',
      sources: [{ source: 'default', stored: '30', rejected: '2' }],
      lastEventAt: expect.any(String),
    });
    expect(completed.activeVersion).toBeGreaterThan(0);
    // Names that are rejected are kept under one.
    const unplanned = answer.events.find(({ name }) => name === '_unplanned')!;
    expect(unplanned).toMatchObject({ rejected: '1' });
    const planned = answer.events.filter((event) => event.planned).map(({ name }) => name);
    expect(planned).toEqual(planned.toSorted());
    expect(answer.events.slice(0, planned.length).every((event) => event.planned)).toBe(true);
  });
});

test('counts of the running process are added when someone asks for them', async () => {
  await using fresh = await startRealService({});
  const answer = await fetch(`${fresh.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order()),
  });
  expect(answer.status).toBe(202);
  // The timer adds them after a minute.
  expect(sum(await countsOf(fresh), 'accepted')).toBe(1);
});

describe('a schema', () => {
  interface Tried {
    readonly stored?: string;
    readonly storedPass?: string;
    readonly storedRejected?: string;
    readonly rejected?: string;
    readonly rejectedNewlyAccepted?: string;
    readonly rules?: { path: string; code: string; stored?: string; examples: object[] }[];
    readonly incomplete?: boolean;
    readonly mode: string;
  }
  const attempt = (request: object): Promise<Tried> =>
    askAdmin(real.adminUrl, 'SchemaRegistryService/TrySchema', {
      eventName: 'order_completed',
      ...request,
    });

  test('of the contracts is tried on what came', async () => {
    expect(await attempt({})).toMatchObject({
      stored: '30',
      storedPass: '30',
      rejected: '2',
      rejectedStillRejected: '2',
      mode: 'enforce',
    });
    await expect(attempt({ version: 99 })).rejects.toThrow(/versions 1, 2/);
    await expect(attempt({ eventName: 'ticket_created' })).rejects.toThrow(/no schema/);
    await expect(attempt({ eventName: '' })).rejects.toThrow(/event_name/);
  });

  test('of the request is tried likewise, and says which rule refuses what', async () => {
    const schema = {
      type: 'object',
      properties: { order_id: { type: 'string' }, total: {}, currency: { enum: ['USD'] } },
    };
    const tried = await attempt({ schemaJson: JSON.stringify(schema) });
    expect(tried).toMatchObject({
      stored: '30',
      storedRejected: '30',
      rejected: '2',
      rejectedNewlyAccepted: '2',
    });
    expect(tried.rules).toMatchObject([{ path: '/properties/currency', stored: '30' }]);
    expect(tried.rules![0]!.examples).toHaveLength(3);
    await expect(attempt({ schemaJson: '{' })).rejects.toThrow(/schema_json/);
    await expect(attempt({ schemaJson: '{}', version: 1 })).rejects.toThrow(/leave one out/);
  });

  test('of the request is for admins alone', async () => {
    const token = newOperatorToken();
    await using other = await startRealService({
      yaml: `operators:\n  - { name: ada, role: operator, hash: "${hashOperatorToken(token)}" }\n`,
    });
    const ask = async (request: object): Promise<number> => {
      const response = await fetch(
        `${other.adminUrl}/headgate.v1.SchemaRegistryService/TrySchema`,
        {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ eventName: 'order_completed', ...request }),
        },
      );
      return response.status;
    };
    expect([await ask({}), await ask({ schemaJson: '{}' })]).toEqual([200, 403]);
  });

  test('is inferred for a name without a contract, and the registry would take it', async () => {
    const inferred = await askAdmin<{
      schemaJson: string;
      entry: string;
      taxonomyEntry: string;
      version: number;
      rejected: string;
      file: string;
      sources: string[];
      doubts: object[];
    }>(real.adminUrl, 'SchemaRegistryService/InferSchema', { eventName: 'ticket_created' });
    expect(inferred).toMatchObject({
      version: 1,
      rejected: '1',
      file: 'ticket_created/1.json',
      sources: ['default'],
    });
    const schema = JSON.parse(inferred.schemaJson) as { properties: object };
    expect(Object.keys(schema.properties).toSorted()).toEqual(['cents', 'ticket']);
    expect(inferred.taxonomyEntry).toMatch(/^ {2}ticket_created:\n {4}owner: TODO\n/);
    await using registry = await startRealService({
      env: { HEADGATE_SCHEMAS_SOURCE: 'registry' },
    });
    const { schemaJson, entry } = inferred;
    const request = { eventName: 'ticket_created', schemaJson, entry };
    expect(
      await askAdmin(registry.adminUrl, 'SchemaRegistryService/RegisterSchema', request),
    ).toMatchObject({ version: { version: 1 }, created: true });
    // With a contract, what came since is the next version, if it needs one.
    await send(registry, [
      order({ event_name: 'ticket_created', properties: { ticket: 'T-2', cents: 5, vat: 1 } }),
    ]);
    const next = await askAdmin<object>(registry.adminUrl, 'SchemaRegistryService/InferSchema', {
      eventName: 'ticket_created',
    });
    expect(next).toMatchObject({ eventName: 'ticket_created' });
    expect(
      await askAdmin(real.adminUrl, 'SchemaRegistryService/InferSchema', { eventName: 'never' }),
    ).toEqual({ eventName: 'never' });
  });
});

test('one reading has a limit, and says when there is more', async () => {
  const nothing = { items: [], nextPageToken: '', walk: { from: 0n, upTo: 0n, reached: 0n } };
  const rejected = {
    page: async () => nothing,
  } as unknown as TrafficSources['rejected']['rejected'];
  const sources = (storedMax: number): TrafficSources => ({
    log: real.service.log,
    rejected: { rejected, textOf: () => '' },
    limits: { storedMax, rejectedMax: 1, msMax: 10_000 },
  });
  const range = { eventName: 'order_completed', source: '', sinceMs: 0 };
  const { signal } = new AbortController();
  const walk = async (storedMax: number) => {
    let stored = 0;
    const sink = { stored: () => void (stored += 1), rejected: () => {} };
    return { isIncomplete: await walkTraffic(sources(storedMax), range, sink, signal), stored };
  };
  expect(await walk(29)).toEqual({ isIncomplete: true, stored: 29 });
  expect(await walk(30)).toMatchObject({ stored: 30 });
  expect(await walk(31)).toEqual({ isIncomplete: false, stored: 30 });
});

test('a reading ends with its caller: the next one does not wait for it', async () => {
  const { log } = real.service;
  const isRead = Promise.withResolvers<void>();
  let pages = 0;
  let lists = 0;
  // The first list has no end, and every other one has one page.
  const page = async (_filter: object, _size: number, token: string) => {
    pages += 1;
    if (token === '') lists += 1;
    isRead.resolve();
    await sleep(1);
    const nextPageToken = token !== '' || lists === 1 ? 'more' : '';
    return { items: [], nextPageToken, walk: { from: 0n, upTo: 0n, reached: 0n } };
  };
  const { inferSchema } = createClient(
    SchemaRegistryService,
    createRouterTransport(({ service }) =>
      service(
        SchemaRegistryService,
        createRegistryService({
          registry: () => ({ events: [] }) as unknown as SchemaRegistry,
          readTaxonomy: async () => undefined,
          traffic: { log, rejected: { rejected: { page } as never, textOf: () => '' } },
        } as unknown as RegistryServiceParts),
      ),
    ),
  );
  const caller = new AbortController();
  const left = inferSchema({ eventName: 'never' }, { signal: caller.signal });
  await isRead.promise;
  const next = inferSchema({ eventName: 'never' });
  caller.abort();
  await expect(left).rejects.toMatchObject({ code: Code.Canceled });
  const readUntilNow = pages;
  expect(await next).toMatchObject({ incomplete: false });
  // The page in work of the one that left, and the only one of the next.
  expect(pages - readUntilNow).toBeLessThanOrEqual(2);
});

describe("doctor's findings", () => {
  interface Finding {
    readonly check: string;
    readonly level: string;
    readonly found: string;
    readonly fix?: string;
  }
  test('come from the running service', async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(() =>
        askAdmin<{ findings: Finding[] }>(real.adminUrl, 'DoctorService/GetFindings'),
      ),
    );
    expect(one).toEqual(other);
    const { findings } = one!;
    expect(new Set(findings.map(({ check }) => check))).toEqual(
      new Set([
        'door',
        'data directory',
        'disk',
        'gate',
        'open files',
        'nats',
        'durability',
        'streams',
        'events',
        'delivered',
        'ids',
        'clock',
        'schemas',
        'destinations',
        'deliveries',
        'console',
      ]),
    );
    expect(findings.filter(({ check }) => check === 'gate')).toMatchObject([
      { level: 'OK', found: 'this gate takes events' },
    ]);
    expect(findings.filter(({ level, fix }) => level === 'FAILURE' && !fix)).toEqual([]);
    expect(findings.find(({ check }) => check === 'streams')).toMatchObject({ level: 'OK' });
  });
});

describe('the counts by hour', () => {
  test('work across restarts, and have dead letters too', async () => {
    expect((await countsOf(real)).hours).toHaveLength(193);
    await real.stop();
    const far = await startHttpServer((_request, response) => response.writeHead(422).end());
    try {
      const url = `http://127.0.0.1:${far.port}/x`;
      const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
      real = await start(
        `destinations:\n  crm: { type: webhook, url: "${url}", secret: "${secret}", allow_private_addresses: true, from: now, retry: { attempts: 1 } }\n`,
      );
      const before = await countsOf(real, { withEvents: true });
      expect([sum(before, 'accepted'), sum(before, 'rejected')]).toEqual([30, 3]);
      expect(before.events![0]).toEqual({
        eventName: 'order_completed',
        source: 'default',
        accepted: '30',
        rejected: '2',
      });
      expect(before.updatedAt).toBeDefined();
      // A transform, a filter or a failure is no delivery.
      expect(sum(before, 'delivered')).toBe(30);
      expect(before.destinations).toEqual([{ destination: 'warehouse', delivered: '30' }]);
      const ofName = await countsOf(real, { eventName: 'order_completed' });
      expect([sum(ofName, 'delivered'), ofName.destinations]).toEqual([0, undefined]);
      await send(real, [order({ properties: good }), order({ properties: good })]);
      await expect
        .poll(
          async () => {
            const { deadLetters = [] } = await askAdmin<{ deadLetters?: object[] }>(
              real.adminUrl,
              'DeadLetterService/ListDeadLetters',
            );
            return deadLetters.length;
          },
          { timeout: 8_000 },
        )
        .toBe(2);
      await real.stop();
      real = await start();
      const after = await countsOf(real);
      expect(
        ['accepted', 'rejected', 'deadLetters'].map((of) => sum(after, of as 'rejected')),
      ).toEqual([32, 3, 2]);
      expect(after.events).toBeUndefined();
      expect(sum(await countsOf(real, { eventName: 'order_completed' }), 'rejected')).toBe(2);
      expect(sum(await countsOf(real, { source: 'stranger' }), 'accepted')).toBe(0);
      const since = new Date(Date.now() - 3_600_000 * 24).toISOString();
      expect((await countsOf(real, { since })).hours).toHaveLength(24);
    } finally {
      await far.close();
    }
  });
});
