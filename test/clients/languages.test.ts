import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { errorCodes, type ErrorCode } from '../../src/errors.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { schemasWith } from '../endpoints/schemas-folder.ts';
import { startBusyGate, type BusyGate } from './busy-gate.ts';
import { startCaseProgram, type CaseProgram } from './case-program.ts';
import { filled, readCases } from './cases.ts';
import { inFlightEventsMax, key, under } from './circumstances.ts';
import { expectAnswer, expectSameThrice, expectStored } from './expectations.ts';
import { commandsOf, folderOf, languages } from './languages.ts';

/*
 * Runs the examples of other languages against a real gate: the commands of their READMEs, and the
 * cases that every language must pass. scripts/suites/clients.ts builds them, and names the built
 * ones in TESTED_CLIENTS.
 */

const run = promisify(execFile);
const cases = readCases();

const built = process.env['TESTED_CLIENTS']?.split(',') ?? [];
const tested = languages.filter(({ name }) => built.includes(name));
if (tested.length === 0) {
  console.log('skipped: clients in other languages; npm run test:clients builds and tests them');
}

/** Codes without a case, and why no case can cause them. */
const withoutCase: Partial<Record<ErrorCode, string>> = {
  reserved_field: 'generated code has no such field',
  unknown_field: 'generated code has no such field',
  malformed_request: 'generated code writes whole messages',
  unsupported_media_type: 'gRPC has one content type',
  unsupported_encoding: 'gRPC libraries compress by gzip',
  not_found: 'generated code knows the paths',
  method_not_allowed: 'gRPC has one method',
  request_timeout: 'a unary call sends its body at once',
  deadline_exceeded: "the caller's clock is usually first, and its library then has no details",
  shutting_down: 'belongs to the operator: test/endpoints/stop.test.ts',
  limit_reached: 'belongs to the limits of a source: test/limits',
  cross_site_request: 'belongs to browsers: test/endpoints/browsers.test.ts',
  internal: 'is for unexpected errors',
};

/** Codes of the operators' port, and of endpoints that generated clients do not use. */
const ofOtherEndpoints =
  /^(relay_not_allowed|source_not_relayed|operator_|dead_letter|rejected_(not_found|settled|busy)|invalid_edit|replay_|schema_(not_found|refused)|registry_|invalid_request|destination_|redelivery_|too_many_(subscribers|searches)|log_|audit_|key_)|webhook|signature/;

test('every code has a case, or a reason for having none', () => {
  const shown = cases.flatMap(({ expect: { code, results } }) =>
    [code, ...(Array.isArray(results) ? results.map((each) => each.code) : [])].filter(
      (each) => each !== undefined,
    ),
  );
  expect(shown.filter((code) => code in withoutCase)).toEqual([]);
  const wanted = errorCodes.filter((code) => !ofOtherEndpoints.test(code));
  expect([...new Set([...shown, ...Object.keys(withoutCase)])].sort()).toEqual(wanted.sort());
});

describe.each(tested)('$name', (language) => {
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
        // Longer than the log is frozen, so that publishes which wait for it do not time out.
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
    const { stdout } = await run('bash', ['-euc', pasted], {
      cwd: folderOf(language),
      env,
      timeout: 90_000,
    });
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

  // Not test.each, which truncates long names.
  for (const written of cases)
    test(`${written.name}`, { timeout: 120_000 }, async () => {
      const it = filled(written);
      const before = await gate.last('EVENTS');
      const answer = await under(it.while, gate, busy, () =>
        program.call({
          address: it.while === 'busy twice' ? busy.address : `127.0.0.1:${gate.port}`,
          key: it.key ?? key,
          rpc: it.rpc,
          request: it.request,
          deadlineMs: it.deadlineMs ?? 60_000,
          cancelAfterMs: it.cancelAfterMs ?? 0,
          gzip: it.gzip ?? false,
        }),
      );
      expectAnswer(answer, it, language);
      if (it.while === 'busy twice') expectSameThrice(busy);
      // Events that wait for a frozen log are stored after their caller has left.
      if (it.while === undefined) await expectStored(gate, before, it);
    });
});
