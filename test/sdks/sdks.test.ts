import { readdirSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { vendorSchemas } from '../vendors/schemas.ts';
import { createReader, type Arrived } from './arrived.ts';
import { isInstalled } from './cache.ts';
import { outcomesOf, type Outcome } from './outcome.ts';
import { startRelay } from './relay.ts';
import { runProgram } from './run-program.ts';
import { scenarios, type Scenario } from './scenarios.ts';
import { isInShortRun, sdks, titleOf, type Sdk } from './sdks.ts';
import { tableOf, type Row } from './table.ts';

/*
 * Vendors' SDKs, each in a program of its own, against the real gate: what arrives is what the SDK
 * believes it sent, once. `npm run test:sdks` installs all of them; `npm test` runs a selection of
 * those that are installed.
 */

/** Set by `npm run test:sdks`: every version and scenario of these languages. */
const languages = process.env['HEADGATE_SDKS']?.split(',');
const isFull = languages !== undefined;

/** Of the runs with a limit, at one event a second: more than a program sends. */
const burst = 5;

/** Each run has a source of its own, by which its events are read again. */
interface Run {
  readonly sdk: Sdk;
  readonly scenario: Scenario;
  readonly source: string;
  readonly key: string;
}

const chosen = sdks.filter(
  (sdk) => languages?.includes(sdk.language.toLowerCase()) ?? isInShortRun(sdk),
);
const present = chosen.filter(isInstalled);
const runs: readonly Run[] = present
  .flatMap((sdk) =>
    scenarios
      .filter((scenario) => scenario.isFor(sdk) && (isFull || scenario.isShort))
      .map((scenario) => ({ sdk, scenario })),
  )
  .map((run, index) => ({ ...run, source: `sdk-${index}`, key: `hg_sdk_${index}_0123456789` }));

const absent = chosen.filter((sdk) => !present.includes(sdk));
if (absent.length > 0) {
  const hint = isFull ? 'it is not installed' : 'npm run test:sdks installs it';
  console.log(`sdks: skipped: ${absent.map(titleOf).join(', ')}: ${hint}`);
}

describe.runIf(runs.length > 0).concurrent('what an SDK believes it sent has arrived, once', () => {
  const rows: Row[] = [];
  let schemas: ReturnType<typeof vendorSchemas>;
  let service: RealService;
  let read: (source: string) => Promise<Arrived[]>;

  beforeAll(async () => {
    schemas = vendorSchemas();
    const keys = runs.map(
      ({ source, key, scenario }) =>
        `  - { source: ${source}, hash: "${hashWriteKey(key)}"` +
        `${scenario.fault === 'limited' ? `, limits: { events_per_second: 1, burst: ${burst} }` : ''} }`,
    );
    service = await startRealService({
      env: { HEADGATE_AUTH: 'keys', HEADGATE_SCHEMAS_DIR: schemas.folder },
      yaml: `destinations: {}\nkeys:\n${keys.join('\n')}\n`,
    });
    const names = readdirSync(schemas.folder).filter((name) => !name.includes('.'));
    read = createReader(service.adminUrl, names);
  });

  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    schemas[Symbol.dispose]();
    console.log(tableOf(rows));
  });

  /** Sends as many events as the limit of a source allows at once. */
  async function useUpLimit(key: string): Promise<void> {
    const answer = await fetch(`${service.url}/v1/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-write-key': key },
      body: JSON.stringify({ events: Array.from({ length: burst }, () => order()) }),
    });
    expect(answer.status).toBe(202);
  }

  async function outcomes(run: Run): Promise<readonly Outcome[]> {
    const { sdk, scenario, source, key } = run;
    const relay = await startRelay(service.url, scenario.fault, sdk.system, () => useUpLimit(key));
    try {
      const made = scenario.made(sdk, source);
      const given = scenario.isKeyKnown ? key : 'hg_nobody_0123456789';
      const ran = await runProgram(sdk, scenario, relay.url, given, made);
      const isPlain = !relay.passed.some(({ headers }) => headers['content-encoding'] === 'gzip');
      if (scenario.isGzip && isPlain) throw new Error(`${titleOf(sdk)} did not compress`);
      const found = outcomesOf(scenario, made, ran, await read(source), sdk);
      rows.push(
        ...found.map((outcome) => ({ sdk, scenario, ...outcome, ran, passed: relay.passed })),
      );
      // Behind a limit everything arrives in the end. For the SDKs of Mixpanel, which send nothing
      // again, the gate waits.
      const isLimited = scenario.fault === 'limited';
      const isRefused = relay.passed.some(({ status }) => status === 429);
      const missing = found.filter(({ arrived }) => arrived === '');
      expect({ isRefused, missing: isLimited ? missing : [] }).toEqual({
        isRefused: isLimited && sdk.system !== 'Mixpanel',
        missing: [],
      });
      expect(ran.crash, `${titleOf(sdk)}, ${scenario.name}`).toBe(undefined);
      return found;
    } finally {
      await relay.close();
    }
  }

  test.each(present.map((sdk) => [titleOf(sdk), sdk] as const))(
    '%s',
    { timeout: 10 * 60_000 },
    async (_title, sdk) => {
      const problems: string[] = [];
      for (const run of runs.filter((run) => run.sdk === sdk)) {
        for (const { call, problem, arrived, believed } of await outcomes(run)) {
          if (problem === undefined) continue;
          problems.push(`${run.scenario.name}, ${call}: ${problem}: ${arrived}; ${believed}`);
        }
      }
      expect(problems).toEqual([]);
    },
  );
});
