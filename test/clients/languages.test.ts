import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { errorCodes, type ErrorCode } from '../../src/errors.ts';
import { openGate, type OpenGate } from '../doors/open-gate.ts';
import { order } from '../doors/sample-events.ts';
import { schemasWith } from '../doors/schemas-folder.ts';
import { startBusyGate, type BusyGate } from './busy-gate.ts';
import { startCaseProgram, type CaseProgram, type Place, type Told } from './case-program.ts';
import { filled, readCases, type Circumstance, type ClientCase } from './cases.ts';
import { commandsOf, folderOf, languages, type Language } from './languages.ts';

/*
 * The examples of other languages against a real gate: what their READMEs show, and the cases that
 * every language is held to. scripts/test-clients.ts builds them and says which.
 */

const run = promisify(execFile);
const cases = readCases();
const key = 'hg_cases';
const inFlightEventsMax = 1000;

const built = process.env['HEADGATE_TEST_CLIENTS']?.split(',') ?? [];
const here = languages.filter(({ name }) => built.includes(name));
if (here.length === 0) {
  console.log('clients in other languages: skipped: npm run test:clients builds and runs them');
}

/** Why no case brings this code about. */
const elsewhere: Partial<Record<ErrorCode, string>> = {
  reserved_field: 'generated code has no such field',
  unknown_field: 'generated code has no such field',
  malformed_request: 'generated code writes whole messages',
  unsupported_media_type: 'gRPC has one content type',
  unsupported_encoding: 'gRPC libraries compress by gzip',
  not_found: 'generated code knows the paths',
  method_not_allowed: 'gRPC has one method',
  request_timeout: 'a unary call sends its body at once',
  deadline_exceeded: 'the clock of the caller is mostly first, and its library then has no details',
  shutting_down: 'belongs to the operator: test/doors/stop.test.ts',
  internal: 'stands for what nobody thought of',
};

/** Codes of what is served on the operators' port. */
const ofOperators = /^(dead_letter|rejected_not_found|invalid_edit|replay_|schema_(not_found|refused)|registry_)/;

test('every code has a case, or there is a reason', () => {
  const shown = cases.flatMap(({ expect: { code, results } }) =>
    [code, ...(Array.isArray(results) ? results.map((each) => each.code) : [])].filter((each) => each !== undefined),
  );
  expect(shown.filter((code) => code in elsewhere)).toEqual([]);
  const wanted = errorCodes.filter((code) => !ofOperators.test(code));
  expect([...new Set([...shown, ...Object.keys(elsewhere)])].sort()).toEqual(wanted.sort());
});

describe.each(here)('$name', (language) => {
  const schemas = schemasWith({
    order_viewed: {
      entry: 'active: 1, mode: { wrong_type: quarantine }',
      versions: [{ type: 'object', properties: { total: { type: 'string' } } }],
    },
  });
  let gate: OpenGate;
  let busy: BusyGate;
  let program: CaseProgram;

  beforeAll(async () => {
    gate = await openGate({
      env: {
        HEADGATE_AUTH: 'keys',
        HEADGATE_SCHEMAS_DIR: schemas.folder,
        HEADGATE_LIMITS_EVENT_BYTES_MAX: '64KiB',
        HEADGATE_LIMITS_REQUEST_BYTES_MAX: '1MiB',
        HEADGATE_LIMITS_IN_FLIGHT_EVENTS_MAX: String(inFlightEventsMax),
        // Longer than the log stands still, so that what waits for it is not given up.
        HEADGATE_NATS_PUBLISH_TIMEOUT: '1m',
      },
      yaml: `keys:\n  - { source: checkout, hash: "${hashWriteKey(key)}", events: ["*order*", "page_*"] }\n`,
    });
    busy = await startBusyGate(gate.url);
    program = startCaseProgram(language);
  });

  afterAll(async () => {
    await program?.close();
    await busy?.close();
    await gate?.[Symbol.asyncDispose]();
    schemas[Symbol.dispose]();
  });

  test('prints what its README shows', { timeout: 120_000 }, async () => {
    const { run: script, output } = commandsOf(language);
    expect(script).toContain('127.0.0.1:8080');
    const pasted = script.replace('127.0.0.1:8080', `127.0.0.1:${gate.port}`);
    const env = { ...process.env, HEADGATE_WRITE_KEY: key };
    const { stdout } = await run('bash', ['-euc', pasted], { cwd: folderOf(language), env, timeout: 90_000 });
    expect(stdout).toBe(output);
  });

  test('sends its first event', { timeout: 120_000 }, async () => {
    await using open = await openGate();
    const [command, ...args] = language.first;
    const env = { ...process.env, HEADGATE_ADDRESS: `127.0.0.1:${open.port}` };
    const { stdout } = await run(command!, args, { cwd: folderOf(language), env, timeout: 90_000 });
    expect(stdout.length).toBeGreaterThan(0);
    expect(await open.last('EVENTS')).toBe(1);
  });

  test.each(cases)('$name', { timeout: 120_000 }, async (written) => {
    const it = filled(written);
    const before = await gate.last('EVENTS');
    const told = await under(it.while, gate, busy, () =>
      program.ask({
        address: it.while === 'busy twice' ? busy.address : `127.0.0.1:${gate.port}`,
        key: it.key ?? key,
        rpc: it.rpc,
        request: it.request,
        deadlineMs: it.deadlineMs ?? 60_000,
        cancelAfterMs: it.cancelAfterMs ?? 0,
        gzip: it.gzip ?? false,
      }),
    );
    expectAnswer(told, it, language);
    if (it.while === 'busy twice') {
      expect(busy.bodies.length).toBe(3);
      for (const body of busy.bodies) expect(body).toEqual(busy.bodies[0]);
    }
    // What waits behind a log that stands still is stored after its caller has gone.
    if (it.while === undefined) await expectStored(gate, before, it);
  });
});

function spelled(status: string): string {
  return status.replaceAll('_', '').toLowerCase().replace('cancelled', 'canceled');
}

function expectAnswer(told: Told, it: ClientCase, language: Language): void {
  const { status = 'OK', code = '', violations = [], retry = false, results = [] } = it.expect;
  const expected = status === 'DEADLINE_EXCEEDED' ? language.lateStatus : status;
  expect(spelled(told.status), JSON.stringify(told)).toBe(spelled(expected));
  expect((told.results ?? []).map((each) => each.status)).toEqual(results.map((each) => each.status));
  const sent = (it.request as { events?: object[] }).events ?? [(it.request as { event: object }).event];
  for (const [index, verdict] of (told.results ?? []).entries()) {
    const { violations: places = [], ...fields } = results[index]!;
    const isStored = ['ACCEPTED', 'DUPLICATE'].includes(verdict.status);
    expect(verdict).toMatchObject({ index, code: '', ...fields });
    expect(verdict.violations).toEqual(places.map(([path, rule]) => ({ path, code: rule })));
    expect(verdict.idempotencyKey).toBe((sent[index] as { idempotencyKey: string }).idempotencyKey);
    expect(verdict.timestampMs > 1_700_000_000_000).toBe(true);
    if (fields['sequence'] === undefined) expect(verdict.sequence > 0).toBe(isStored);
  }
  // A deadline and a cancellation are told by the library, the gate's own word may come too late.
  if (['DEADLINE_EXCEEDED', 'CANCELLED'].includes(status)) return;
  expect(told.code).toBe(code);
  expect(told.help).toBe(code === '' ? '' : `docs/errors.md#${code}`);
  expect(told.violations).toEqual(violations.map(([path, rule]) => placeAs(language, path, rule)));
  expect(told.retryAfterMs > 0).toBe(retry);
}

const placeAs = (language: Language, path: string, code: string): Place =>
  ({ path, code: language.readsReasons ? code : null });

async function expectStored(gate: OpenGate, before: number, it: ClientCase): Promise<void> {
  const { results = [], stored = [], storedCount } = it.expect;
  const accepted = results.filter(({ status }) => status === 'ACCEPTED').length;
  expect((await gate.last('EVENTS')) - before).toBe(storedCount ?? accepted);
  if (stored.length === 0) return;
  const [kept] = await gate.events(before);
  const text = kept!.bytes.toString('utf8');
  for (const part of stored) expect(text).toContain(part);
}

async function under(
  circumstance: Circumstance | undefined,
  gate: OpenGate,
  busy: BusyGate,
  send: () => Promise<Told>,
): Promise<Told> {
  if (circumstance === undefined) return send();
  if (circumstance === 'busy twice') {
    busy.refuse(2);
    return send();
  }
  if (circumstance === 'the log is full') return whileFull(gate, send);
  const thaw = await gate.freezeServer();
  let filling: Promise<Response> | undefined;
  try {
    if (!circumstance.startsWith('the gate is full')) return await send();
    filling = fill(gate);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = await refusals(gate);
    const told = send();
    if (circumstance === 'the gate is full for a moment') {
      await vi.waitUntil(async () => (await refusals(gate)) > before, { timeout: 30_000, interval: 20 });
      thaw();
    }
    return await told;
  } finally {
    thaw();
    expect((await filling)?.status ?? 202).toBe(202);
  }
}

/** Calls that the gate has answered with UNAVAILABLE. */
async function refusals(gate: OpenGate): Promise<number> {
  const metrics = await (await fetch(`${gate.real.adminUrl}/metrics`)).text();
  const counted = metrics.match(/^headgate_requests_total{[^}]*unavailable[^}]*} (\d+)$/gim) ?? [];
  return counted.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** As many events as may be in flight. */
function fill(gate: OpenGate): Promise<Response> {
  const events = Array.from({ length: inFlightEventsMax }, () => order());
  return fetch(`${gate.url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-write-key': key },
    body: JSON.stringify({ events }),
  });
}

async function whileFull<T>(gate: OpenGate, work: () => Promise<T>): Promise<T> {
  const { streams } = gate.real.service.log.manager;
  const { config } = await streams.info('EVENTS');
  await streams.update('EVENTS', { ...config, max_bytes: 1 });
  try {
    return await work();
  } finally {
    await streams.update('EVENTS', config);
  }
}
