import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClickhouseDestination } from '../../src/destinations/clickhouse/clickhouse.ts';
import { rowColumns } from '../../src/destinations/clickhouse/rows/event-row.ts';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { StartError } from '../../src/errors.ts';
import {
  clickhouseError,
  clickhouseSettings,
  startClickhouseFarSide,
} from './clickhouse-far-side.ts';
import { binaryRows } from './clickhouse-rows.ts';
import { deliveryOf, deliveryOfEvent, never, storedEvent } from './deliveries.ts';
import type { HttpFarSide, StandInAnswer } from './http-far-side.ts';
import type { ReceivedRequest } from './http-server.ts';

let farSide: HttpFarSide;
let destination: Destination;

beforeEach(async () => {
  farSide = await startClickhouseFarSide();
  destination = createClickhouseDestination('olap', farSide.settings);
});
afterEach(async () => {
  await destination.close();
  await farSide.close();
});

function answerWith({ status, headers, text }: StandInAnswer): void {
  farSide.server.respond = (_request, response) => response.writeHead(status, headers).end(text);
}

function queryOf({ url }: ReceivedRequest): URLSearchParams {
  return new URL(url, 'http://host').searchParams;
}

const inserts = (): ReceivedRequest[] =>
  farSide.server.received.filter((request) => queryOf(request).get('query')?.startsWith('INSERT'));

test.each([
  [
    clickhouseError(252, 'TOO_MANY_PARTS', 'Too many parts'),
    '252',
    /ClickHouse 252: Too many parts/,
  ],
  [clickhouseError(241, 'MEMORY_LIMIT_EXCEEDED', 'Memory limit exceeded'), '241', /241/],
  [clickhouseError(159, 'TIMEOUT_EXCEEDED', 'Timeout exceeded'), '159', /159/],
  [clickhouseError(242, 'TABLE_IS_READ_ONLY', 'Table is in readonly mode'), '242', /242/],
  [clickhouseError(319, 'UNKNOWN_STATUS_OF_INSERT', 'Unknown status'), '319', /319/],
  [clickhouseError(16, 'NO_SUCH_COLUMN_IN_TABLE', 'No such column'), '16', /16/],
  [clickhouseError(117, 'INCORRECT_DATA', "Unknown field found: 'x'"), '117', /117/],
  [clickhouseError(497, 'ACCESS_DENIED', 'Not enough privileges'), '497', /497/],
  [{ ...clickhouseError(516, 'AUTHENTICATION_FAILED', 'no such user'), status: 403 }, '516', /516/],
  [{ status: 503, text: '<html>no backend</html>' }, '503', /answered 503: <html>no backend/],
  [{ status: 502, text: '' }, '502', /answered 502/],
  [{ status: 401, text: 'who are you' }, '401', /answered 401/],
  [{ status: 302, headers: { location: '/x' }, text: '' }, '302', /redirect_refused/],
  [
    { status: 200, text: '<h1>Maintenance</h1>' },
    undefined,
    /another server has answered: <h1>Maint/,
  ],
  [
    { status: 200, headers: { 'x-clickhouse-query-id': 'x' }, text: 'Ok.'.padEnd(100_000) },
    undefined,
    /another server has answered: Ok/,
  ],
  [
    { ...clickhouseError(241, 'MEMORY_LIMIT_EXCEEDED', 'too late'), status: 200 },
    '241',
    /ClickHouse 241/,
  ],
  [{ status: 200, text: '' }, undefined, /no header x-clickhouse/],
  [{ status: 204 }, undefined, /no header x-clickhouse/],
] as [StandInAnswer, string | undefined, RegExp][])(
  "%j is the destination's fault",
  async (answer, status, reason) => {
    const batch = [deliveryOfEvent(), deliveryOfEvent()];
    await destination.deliver([deliveryOfEvent()], never);
    answerWith(answer);
    const outcomes = await destination.deliver(batch, never);
    const outcome = {
      kind: 'retry',
      fault: 'destination',
      ...(status !== undefined && { status }),
      reason: expect.stringMatching(reason),
    };
    expect(outcomes).toEqual([outcome, outcome]);
    expect(JSON.stringify(outcomes)).not.toContain('of-clickhouse');
  },
);

test.each([
  clickhouseError(
    469,
    'VIOLATED_CONSTRAINT',
    "Constraint `known` is violated at row 1. Column values: user_id = 'secret'",
  ),
  clickhouseError(
    41,
    'CANNOT_PARSE_DATETIME',
    "Cannot parse datetime 'secret': (at row 1)\nRow 1: secret",
  ),
])('%j is looked for one by one, and shows no data', async (answer) => {
  await destination.deliver([deliveryOfEvent()], never);
  answerWith(answer);
  const before = inserts().length;
  const outcomes = await destination.deliver(
    Array.from({ length: 4 }, () => deliveryOfEvent()),
    never,
  );
  expect(outcomes.map((outcome) => 'fault' in outcome && outcome.fault)).toEqual(
    outcomes.map(() => 'event'),
  );
  expect(inserts().length - before).toBe(1 + 2 + 4);
  expect(JSON.stringify(outcomes)).not.toContain('secret');
});

test.each([
  [{ status: 503, headers: { 'retry-after': '120' } }, 120_000],
  [{ status: 429, headers: { 'retry-after': '3' } }, 3000],
  [{ status: 429, headers: { 'retry-after': 'soon' } }, undefined],
] as [StandInAnswer, number | undefined][])(
  'of %j the wait is handed on',
  async (answer, notBeforeMs) => {
    answerWith(answer);
    const [outcome] = await destination.deliver([deliveryOfEvent()], never);
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    expect((outcome as { notBeforeMs?: number }).notBeforeMs).toBe(notBeforeMs);
  },
);

test('an insert has the settings that ClickHouse needs, and a token made of the events', async () => {
  const [one, two] = [deliveryOfEvent(), deliveryOfEvent()];
  for (const batch of [[one, two], [two, one], [one], [one]])
    await destination.deliver(batch, never);
  const tokens = inserts().map((request) => queryOf(request).get('insert_deduplication_token'));
  expect(tokens[0]).toMatch(/^[0-9a-f]{64}$/);
  expect([tokens[0] === tokens[1], tokens[2] === tokens[3], tokens[0] === tokens[2]]).toEqual([
    true,
    true,
    false,
  ]);
  const [first] = inserts();
  expect(Object.fromEntries(queryOf(first!))).toMatchObject({
    insert_deduplicate: '1',
    async_insert: '0',
  });
  // A column that the table does not have is an error, and no value is left out.
  expect(queryOf(first!).get('query')).toContain(
    `(${rowColumns.map(([column]) => column).join(', ')}, event_time)`,
  );
  const login = Buffer.from('default:of-clickhouse').toString('base64');
  expect(first!.headers.authorization).toBe(`Basic ${login}`);
});

test('numbers keep their digits', async () => {
  const event = storedEvent();
  const text = (number: string): string =>
    JSON.stringify({ ...event, properties: 0 }).replace(
      '"properties":0',
      `"properties":{"n":${number}}`,
    );
  for (const number of ['12345678901234567890.5', '1e-400', '-1E+400', '0.1']) {
    await destination.deliver([deliveryOf(text(number))], never);
    const [row] = binaryRows(inserts().at(-1)!.body);
    expect(row!['properties']).toBe(`{"n":${number}}`);
  }
});

test.each([
  ['an id that is no UUID', { eventId: 'secret-id' }],
  ['a time beyond what a column holds', { timestamp: '9999-01-01T00:00:00.000Z' }],
  ['a time that is none', { timestamp: '2026-02-31T99:00:00.000Z' }],
])('%s is dead before it is sent', async (_, overrides) => {
  const outcomes = await destination.deliver(
    [deliveryOfEvent(overrides), deliveryOfEvent()],
    never,
  );
  expect(outcomes).toMatchObject([
    { kind: 'dead', reason: expect.stringContaining('not a stored event') },
    { kind: 'delivered' },
  ]);
  expect(JSON.stringify(outcomes)).not.toContain('secret');
});

test.each([
  ['url', { url: 'ftp://x' }, /http or https/],
  ['url', { url: 'http://user:pass@host' }, /take the user and password out/],
  ['url', { url: 'http://host:8123/db?x=1' }, /take out what follows/],
  ['table', { table: 'a.b' }, /use letters/],
  ['table', { table: '`; DROP TABLE x' }, /use letters/],
  ['tls_ca', { tls_ca: '/not/there.pem' }, /ENOENT/],
] as [string, DestinationSettings, RegExp][])(
  'a %s that cannot be right stops the start: %j',
  (setting, wrong, text) => {
    const create = (): Destination =>
      createClickhouseDestination('olap', clickhouseSettings(1, wrong));
    expect(create).toThrow(StartError);
    expect(create).toThrow(`destinations.olap.${setting}: `);
    expect(create).toThrow(text);
  },
);

test('an answer without an end is given up in time', async () => {
  await destination.deliver([deliveryOfEvent()], never);
  farSide.server.respond = (_request, response) => {
    response.writeHead(200, { 'x-clickhouse-query-id': 'x' });
    response.flushHeaders();
  };
  const outcomes = await destination.deliver([deliveryOfEvent()], never);
  expect(outcomes).toEqual([
    expect.objectContaining({
      kind: 'retry',
      reason: expect.stringContaining('none within 1000 ms'),
    }),
  ]);
});
