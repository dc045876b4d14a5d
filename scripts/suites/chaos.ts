/**
 * Breaks a cluster of three and an embedded server in every way that a machine can, while producers send, and
 * compares the producers' own ledger with what the log, a sqlite destination and a webhook hold at the end. Exit
 * code 1: something acknowledged is lost or doubled, or it took longer than the bars. Needs root for most
 * scenarios (network namespaces, mounts); says what it skips.
 *
 *     npm run chaos -- [--scenario NAME,...] [--rounds N] [--seconds S] [--server PATH] [--seed N]
 *       [--partitions N] [--list]
 */
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { openNetwork, type Network } from '../../test/chaos/network.ts';
import { runScenario, type Result } from '../../test/chaos/run-scenario.ts';
import { scenarios } from '../../test/chaos/scenarios/all.ts';
import type { Scenario } from '../../test/chaos/scenarios/scenario.ts';
import { formatTable } from '../../test/chaos/table.ts';
import { openWorld, type World } from '../../test/chaos/world.ts';
import { seededChance } from '../../test/crash/kill-plan.ts';

/** Namespaces of its own: nothing that it does to the network, mounts or processes outlives it. */
const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const insideVariable = 'HEADGATE_CHAOS_INSIDE';
const nodeCount = 3;

function readOptions() {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', multiple: true },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      server: { type: 'string' },
      seed: { type: 'string' },
      partitions: { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
    },
  });
  const names = (values.scenario ?? []).flatMap((text) => text.split(','));
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  const partitions = Number(values.partitions);
  if (unknown.length > 0) throw new Error(`no such scenario: ${unknown.join(', ')}`);
  if (!(rounds >= 1) || !(seconds > 0)) throw new Error('--rounds and --seconds are above 0');
  if (!(partitions >= 1)) throw new Error('--partitions is 1 or more');
  const chosen = scenarios.filter(({ name }) => names.length === 0 || names.includes(name));
  return { ...values, rounds, seconds, partitions, chosen };
}

/** Undefined: this machine lets us make namespaces. */
function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root';
  const { status, stderr } = spawnSync('unshare', [...namespaces, '--', 'ip', 'link'], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `namespaces cannot be made here: ${(stderr ?? '').trim()}`;
}

async function enterNamespaces(): Promise<number> {
  const child = spawn(
    'unshare',
    [...namespaces, '--', process.execPath, ...process.argv.slice(1)],
    {
      stdio: 'inherit',
      env: { ...process.env, [insideVariable]: '1' },
    },
  );
  const stop = (): void => void child.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

/** Those that run without root. */
function isPlain({ world }: Scenario): boolean {
  return (
    world === 'embedded' ||
    world === 'embedded-small-log' ||
    world === 'embedded-small-log-aside' ||
    world === 'embedded-faked-clock'
  );
}

async function runAll(isInside: boolean, whyNot: string | undefined): Promise<void> {
  const { rounds, seconds, partitions, server, seed, chosen } = readOptions();
  if (seed !== undefined) process.env['HEADGATE_CRASH_SEED'] = seed;
  const chance = seededChance();
  const named = server === undefined ? undefined : path.resolve(server);
  const binary = await findServerBinary({ named, searchPath: process.env['PATH'] ?? '' });
  const log = `${partitions} partition${partitions === 1 ? '' : 's'}`;
  console.log(`chaos: nats-server ${binary.version}, ${log}, seed ${chance.seed}`);
  const network: Network | undefined = isInside ? openNetwork(nodeCount) : undefined;
  const results: Result[] = [];
  let world: World | undefined;
  for (const scenario of chosen) {
    const reason = isInside || isPlain(scenario) ? scenario.whyNot?.() : whyNot;
    if (reason !== undefined) {
      console.log(`${scenario.name}: skipped: ${reason}`);
      continue;
    }
    if (world?.kind !== scenario.world || results.at(-1)?.problems.length !== 0) {
      await world?.close(results.at(-1)?.problems.length !== 0);
      world = undefined;
    }
    console.log(`${scenario.name}`);
    const result = await runOne(scenario);
    results.push(result);
    for (const problem of result.problems) console.log(`  BROKEN: ${problem}`);
    if (result.problems.length > 0) console.log(`  logs and stores: ${world?.folder}`);
  }
  await world?.close(results.at(-1)?.problems.length !== 0);
  console.log(`\n${formatTable(results)}`);
  if (results.some(({ problems }) => problems.length > 0)) process.exitCode = 1;

  async function runOne(scenario: Scenario): Promise<Result> {
    try {
      const options = { kind: scenario.world, chance, binary: binary.path, network, partitions };
      world ??= await openWorld(options);
      return await runScenario(world, scenario, { rounds, seconds });
    } catch (error) {
      const none = { wholeMs: 0, heldMs: 0 };
      const problems = [(error as Error).stack ?? String(error)];
      const counts = { rounds: 0, acknowledged: 0, lost: 0, reported: 0, doubled: 0 };
      return {
        scenario: scenario.name,
        ...counts,
        acknowledgement: none,
        delivery: none,
        problems,
      };
    } finally {
      await network?.heal();
    }
  }
}

async function main(): Promise<void> {
  if (readOptions().list) {
    for (const { name } of scenarios) console.log(name);
    return;
  }
  const isInside = process.env[insideVariable] !== undefined;
  const reason = isInside ? undefined : whyNoNamespaces();
  if (isInside || reason !== undefined) await runAll(isInside, reason);
  else process.exitCode = await enterNamespaces();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main();
  // The first process of a namespace takes the others with it.
  if (process.env[insideVariable] !== undefined) process.exit();
}
