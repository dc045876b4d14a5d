import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { titles } from '../observe/segment-titles.ts';
import { callsOf, eventsOfName, program, type Call } from './application.ts';
import { runIn, serveIn, type Ran, type ServingGate } from './folder.ts';

/** One thing that a new user does, and how long it took. */
export interface Step {
  readonly name: string;
  readonly ms: number;
  /** What came of it, in one line. */
  readonly result: string;
}

/** The warehouse is asked again until so long after an event was sent. */
const deliveredMsMax = 30_000;

/**
 * Plays the first hour of a new user in an empty folder, with the tarball of the package: every command as
 * the docs name it, every result checked. Throws an AssertionError at the first that is not as promised.
 */
export async function playFirstHour(tarball: string): Promise<Step[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-first-hour-'));
  const hour = createHour(folder);
  try {
    await install(hour, tarball);
    await observe(hour);
    await writeContracts(hour);
    await keepContracts(hour);
    await breakAndFix(hour);
    await hour.stop();
    return hour.steps;
  } finally {
    await hour.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

interface Hour {
  readonly folder: string;
  readonly steps: Step[];
  /** Does one step and keeps its time. `work` gives what came of it. */
  readonly step: (name: string, work: () => Promise<string>) => Promise<void>;
  readonly headgate: (...args: string[]) => Promise<Ran>;
  /** Rows of the warehouse. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>;
  /** Sends by Segment's SDK, which must believe that all of it arrived. */
  readonly send: (calls: readonly Call[]) => Promise<void>;
  readonly serve: () => Promise<ServingGate>;
  readonly stop: () => Promise<void>;
}

function createHour(folder: string): Hour {
  const steps: Step[] = [];
  let gate: ServingGate | undefined;
  const headgate = async (...args: string[]): Promise<Ran> =>
    runIn(folder, ['npx', '--no', 'headgate', ...args], { env: gate?.env ?? {} });
  return {
    folder,
    steps,
    step: async (name, work) => {
      const startedAt = performance.now();
      const result = await work();
      steps.push({ name, ms: performance.now() - startedAt, result });
    },
    headgate,
    query: async (sql) => {
      const ran = await headgate('query', '--json', sql);
      return ran.code === 0 ? (JSON.parse(ran.stdout) as Record<string, unknown>[]) : [];
    },
    send: async (calls) => {
      const command = [process.execPath, 'application.mjs', gate!.url] as const;
      const ran = await runIn(folder, [...command], { input: JSON.stringify(calls) });
      assert.equal(ran.code, 0, ran.stderr);
    },
    serve: async () => (gate = await serveIn(folder)),
    stop: async () => {
      await gate?.stop();
      gate = undefined;
    },
  };
}

async function install({ step, folder }: Hour, tarball: string): Promise<void> {
  await step('npm i headgate.tgz', async () => {
    const flags = ['--prefer-offline', '--no-audit', '--no-fund'];
    const ran = await runIn(folder, ['npm', 'i', ...flags, tarball]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.doesNotMatch(ran.stdout + ran.stderr, /warn/);
    return ran.stdout.trim();
  });
}

async function observe(hour: Hour): Promise<void> {
  await hour.step('npx headgate serve', async () => {
    const gate = await hour.serve();
    assert.match(gate.printed(), /Observe mode: there are no contracts/);
    assert.match(gate.printed(), /curl http:/);
    return 'observe mode';
  });
  const calls = callsOf(0);
  await hour.step(`${titles.length} names by Segment's SDK`, async () => {
    writeFileSync(path.join(hour.folder, 'application.mjs'), program);
    await hour.send(calls);
    return `${calls.length} calls`;
  });
  await hour.step('headgate query: all in the warehouse', async () => {
    await arrived(hour, calls.length);
    const rows = await hour.query('select event_name, count(*) as n from events group by 1');
    assert.deepEqual(new Set(rows.map(({ n }) => n)), new Set([eventsOfName]));
    assert.equal(rows.length, titles.length);
    assert.ok(rows.some(({ event_name }) => event_name === 'login'));
    return `${rows.length} names, ${calls.length} events`;
  });
  await hour.step('headgate schemas list', async () => {
    const ran = await hour.headgate('schemas', 'list');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, new RegExp(`^login\\s+${eventsOfName}\\s`, 'm'));
    return `${ran.stdout.trim().split('\n').length - 1} unplanned names`;
  });
}

async function writeContracts({ step, headgate, folder }: Hour): Promise<void> {
  await step('headgate schemas infer', async () => {
    const ran = await headgate('schemas', 'infer', '--report', 'review.md');
    assert.equal(ran.code, 0, ran.stderr);
    const written = new RegExp(`^${titles.length} schemas in .*$`, 'm').exec(ran.stdout);
    assert.ok(written !== null, ran.stdout);
    assert.match(readFileSync(path.join(folder, 'review.md'), 'utf8'), /^## order\\_completed$/m);
    return written[0];
  });
  await step('headgate schemas check', async () => {
    const ran = await headgate('schemas', 'check');
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, new RegExp(`^${titles.length} events in .*, all sound`));
    return ran.stdout.split(':')[0]!;
  });
}

async function keepContracts(hour: Hour): Promise<void> {
  const calls = [...callsOf(1), { event: 'Newsletter Opened', userId: 'u-1', properties: {} }];
  const inWarehouse = callsOf(0).length + calls.length;
  await hour.step('restart with the contracts', async () => {
    await hour.stop();
    const gate = await hour.serve();
    assert.doesNotMatch(gate.printed(), /Observe mode/);
    // The contract of order_completed would refuse the example.
    assert.doesNotMatch(gate.printed(), /curl/);
    return `${titles.length} events have a contract`;
  });
  await hour.step('the same traffic, and a new name', async () => {
    await hour.send(calls);
    await arrived(hour, inWarehouse);
    assert.deepEqual(await rejectedOf(hour), []);
    const rows = await hour.query(`select distinct event_name, warnings->>'$[0].code' as warning
      from events where schema_version is not null or event_name = 'newsletter_opened'`);
    const warned = rows.filter(({ warning }) => warning !== null);
    assert.equal(rows.length, titles.length + 1);
    assert.deepEqual(warned, [{ event_name: 'newsletter_opened', warning: 'unplanned_event' }]);
    return `${calls.length} calls, none turned away`;
  });
  await hour.step('mode: enforce, and a restart', async () => {
    enforce(hour.folder, 'order_completed');
    const checked = await hour.headgate('schemas', 'check');
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    await hour.stop();
    await hour.serve();
    return 'order_completed is enforced';
  });
}

async function breakAndFix(hour: Hour): Promise<void> {
  const [good] = callsOf(2).filter(({ event }) => event === 'Order Completed');
  const properties = { ...good!.properties, order_id: 'A-broken', total: 'forty-nine' };
  let id = '';
  await hour.step('one event with a wrong type', async () => {
    await hour.send([{ ...good!, properties }]);
    return 'total: "forty-nine"';
  });
  await hour.step('headgate rejected list', async () => {
    const [rejected, ...others] = await rejectedOf(hour);
    assert.deepEqual(others, []);
    assert.match(rejected ?? '', /order_completed\s+schema_violation\s.*\/properties\/total/);
    id = rejected!.split('\t')[0]!;
    return rejected!.split('\t').slice(3).join(' ');
  });
  await hour.step('headgate rejected replay, fixed', async () => {
    const ran = await hour.headgate('rejected', 'replay', id, '--set', 'properties.total=49.9');
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    return ran.stdout.trim().split('\n').at(-1)!;
  });
  await hour.step('it is in the warehouse once', async () => {
    const sql = `select properties->>'$.total' as total from events
      where properties->>'$.order_id' = 'A-broken'`;
    await until(async () => (await hour.query(sql)).length > 0);
    const again = await hour.headgate('rejected', 'replay', id, '--set', 'properties.total=49.9');
    assert.deepEqual(await rejectedOf(hour), []);
    const rows = await hour.query(sql);
    assert.deepEqual(rows, [{ total: 49.9 }]);
    return `1 row; replayed again: ${(again.stdout + again.stderr).trim()}`;
  });
}

async function arrived(hour: Hour, count: number): Promise<void> {
  const sql = 'select count(*) as n from events';
  await until(async () => (await hour.query(sql))[0]?.['n'] === count);
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + deliveredMsMax;
  while (!(await isDone())) {
    assert.ok(performance.now() < endsAt, `it did not arrive within ${deliveredMsMax} ms`);
    await setTimeout(100);
  }
}

async function rejectedOf({ headgate }: Hour): Promise<string[]> {
  const ran = await headgate('rejected', 'list');
  assert.equal(ran.code, 0, ran.stderr);
  // Below the headings.
  return ran.stdout.trim().split('\n').slice(1);
}

/** What a person does in an editor: `mode: enforce` in the entry of one event. */
function enforce(folder: string, event: string): void {
  const file = path.join(folder, 'schemas/taxonomy.yaml');
  const taxonomy = readFileSync(file, 'utf8');
  const entry = new RegExp(`(^  ${event}:\\n(?:    .*\\n)*?    mode: )warn$`, 'm');
  assert.match(taxonomy, entry);
  writeFileSync(file, taxonomy.replace(entry, '$1enforce'));
}

/** The steps as a table, with their sum. */
export function tableOf(steps: readonly Step[]): string {
  const width = Math.max(...steps.map(({ name }) => name.length));
  const line = (ms: number, name: string, result: string): string =>
    `${(ms / 1000).toFixed(1).padStart(6)} s  ${name.padEnd(width)}  ${result}`.trimEnd();
  const sum = steps.reduce((total, { ms }) => total + ms, 0);
  return [
    ...steps.map((step) => line(step.ms, step.name, step.result)),
    line(sum, 'together', ''),
  ].join('\n');
}
