import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { installPackage } from '../test/package/installed-package.ts';
import { residentBytes } from './processes.ts';
import { numberAfter } from './script/options.ts';
import { median } from './script/median.ts';

/*
 * npm run bench:start [-- --rounds 7]
 *
 * How long a start takes and what it holds, from the source (as `npm start`, without npm's own time)
 * and from the package, as it is installed: in turn, each with a new data directory and with the
 * compile cache of the start before. Fails if the median of the package is above 0.6 of that of the
 * source, if it does not hold 40 MB less, or if "headgate mock" takes 300 ms or more.
 */
const rounds = numberAfter('--rounds', 7);
const ratioMax = 0.6;
const savedMBMin = 40;
const mockMsMax = 300;

/** The memory is read so long after the start, when it has settled. */
const settleMs = 500;

const root = fileURLToPath(new URL('../', import.meta.url));

/** The flags of `npm start`. */
const flags = ['--max-semi-space-size=32', '--v8-pool-size=1'];

interface Start {
  /** From the start of the process until it has printed that it is ready. */
  readonly ms: number;
  /** What the process holds, without nats-server. */
  readonly residentMB: number;
}

interface Program {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it prints when it is ready. */
  readonly ready: string;
}

async function measureStart({ args, env, ready }: Program): Promise<Start> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'headgate-start-'));
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd: root,
    env: {
      PATH: process.env['PATH'] ?? '',
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_DATA_DIR: dataDir,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  try {
    let printed = '';
    const started = new Promise<void>((resolve, reject) => {
      for (const output of [child.stdout, child.stderr]) {
        output.setEncoding('utf8').on('data', (text: string) => {
          printed += text;
          if (printed.includes(ready)) resolve();
        });
      }
      child.once('close', () => reject(new Error(`it did not start: ${printed}`)));
    });
    await started;
    const ms = performance.now() - startedAt;
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    return { ms, residentMB: residentBytes(child.pid!) / 1e6 };
  } finally {
    child.kill('SIGTERM');
    await ended;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

using project = await installPackage();
const env = { HEADGATE_SCHEMAS_DIR: path.join(root, 'schemas') };
const command = path.join(project.folder, 'node_modules/headgate/bin/headgate.js');
const ready = 'takes events on';
const programs: Readonly<Record<string, Program>> = {
  source: { args: ['src/main.ts'], env, ready },
  package: { args: [command, 'serve'], env, ready },
  mock: { args: [command, 'mock'], env, ready },
};
const starts = new Map(Object.keys(programs).map((name) => [name, [] as Start[]]));
// The first round fills the compile caches.
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, program] of Object.entries(programs)) {
    const start = await measureStart(program);
    if (round > 0) starts.get(name)!.push(start);
  }
}
const medians = (name: string): Start => ({
  ms: median(starts.get(name)!.map(({ ms }) => ms)),
  residentMB: median(starts.get(name)!.map(({ residentMB }) => residentMB)),
});
const fromSource = medians('source');
const fromPackage = medians('package');
const mock = medians('mock');
const ratio = fromPackage.ms / fromSource.ms;
const savedMB = fromSource.residentMB - fromPackage.residentMB;
const shown = ({ ms, residentMB }: Start): string =>
  `${ms.toFixed(0)} ms, ${residentMB.toFixed(0)} MB`;
console.log(
  `start to ready, medians of ${rounds}: source ${shown(fromSource)}; package ${shown(fromPackage)}: ` +
    `${ratio.toFixed(2)} of the time (limit ${ratioMax}), ${savedMB.toFixed(0)} MB less (limit ${savedMBMin})`,
);
console.log(`headgate mock: ${shown(mock)} (limit ${mockMsMax} ms)`);
process.exitCode = ratio <= ratioMax && savedMB >= savedMBMin && mock.ms < mockMsMax ? 0 : 1;
