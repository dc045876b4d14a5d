import path from 'node:path';

import { generatorCore, pinning, runScript, startGate, type Gate } from './processes.ts';
import { numberAfter, valueAfter } from './script/options.ts';
import { median } from './script/median.ts';
import { ownCpuSeconds } from './script/cpu.ts';

/*
 * npm run bench:engines [-- --rounds 6] [--seconds 3] [--beside FOLDER]
 *
 * The gate on our own readers of HTTP and on Node's servers, in turn: what a request costs of the gate's CPU
 * (the least of all rounds, which other work on the machine disturbs least), and requests a second. `--beside`
 * measures a gate of another checkout as well. Needs Linux's /proc.
 */
const rounds = numberAfter('--rounds', 6);
const seconds = numberAfter('--seconds', 3);
const beside = valueAfter('--beside');
const warmSeconds = 1;

const loads = [
  { name: 'POST /v1/track', kind: 'rest', path: '/v1/track' },
  { name: 'gRPC Track', kind: 'grpc', path: '/headgate.v1.TrackService/Track' },
] as const;

interface Figures {
  readonly perSecond: number;
  /** CPU of the gate's process for one request. */
  readonly cpuMicroseconds: number;
}

async function measure(load: (typeof loads)[number], gate: Gate): Promise<Figures> {
  const { kind } = load;
  const options = { concurrency: 128, batch: 1, rate: 0, warmSeconds, seconds };
  const before = ownCpuSeconds(gate.processId);
  const { perSecond, failed } = await runScript<{ perSecond: number; failed: number }>(
    'generator.ts',
    { ...options, kind, path: load.path, port: gate.port },
    generatorCore,
  );
  if (failed > 0) throw new Error(`${load.name}: ${failed} requests failed`);
  const requests = perSecond * (warmSeconds + seconds);
  return {
    perSecond,
    cpuMicroseconds: ((ownCpuSeconds(gate.processId) - before) / requests) * 1e6,
  };
}

const env = { HEADGATE_ROLES: 'gate', HEADGATE_DURABILITY: 'async' };
const gates = new Map<string, Gate>();
const figures = new Map<string, Figures[]>();
try {
  gates.set('own', await startGate({ ...env, HEADGATE_HTTP_ENGINE: 'own' }));
  gates.set('node', await startGate({ ...env, HEADGATE_HTTP_ENGINE: 'node' }));
  if (beside !== undefined) {
    gates.set('beside', await startGate(env, path.join(path.resolve(beside), 'bench')));
  }
  for (let round = 1; round <= rounds; round += 1) {
    console.error(`round ${round} of ${rounds} (${pinning})`);
    // Each is first, in the middle and last equally often.
    const turn = [...gates];
    turn.push(...turn.splice(0, round % turn.length));
    for (const load of loads) {
      for (const [engine, gate] of turn) {
        const key = `${load.name}, ${engine}`;
        figures.set(key, [...(figures.get(key) ?? []), await measure(load, gate)]);
      }
    }
  }
  for (const { name } of loads) {
    for (const engine of gates.keys()) {
      const all = figures.get(`${name}, ${engine}`)!;
      const least = Math.min(...all.map(({ cpuMicroseconds }) => cpuMicroseconds));
      const rate = median(all.map(({ perSecond }) => perSecond));
      console.log(
        `${name}, ${engine}: ${least.toFixed(1)} µs of CPU, ` +
          `${Math.round(rate).toLocaleString('en-US')}/s (median)`,
      );
    }
  }
} finally {
  await Promise.allSettled([...gates.values()].map((gate) => gate.stop()));
}
