import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { root } from '../documentation/markdown.ts';

/** A request of a plan, and how often it is sent. Java reads it as a line of its fields. */
export interface Trial {
  readonly id: string;
  readonly url: string;
  readonly http: '1.1' | '2';
  readonly method: string;
  readonly bytes: number;
  readonly runs: number;
  readonly status: number;
  /** Before each piece of 64 KiB. 0: as fast as it can. */
  readonly pauseMs: number;
  readonly chunked: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** For each run of a trial why its answer was not read; empty: it was. */
export type Faults = ReadonlyMap<string, readonly string[]>;

/** A program in a language of its own that sends the requests of a plan. */
export interface ClientProgram {
  readonly name: string;
  readonly speaks: readonly Trial['http'][];
  /** It sends bodies of a known length slowly, too. */
  readonly isSlowWithLength: boolean;
  /** Its HTTP version over cleartext HTTP/2 needs no upgrade. */
  readonly speaksCleartextHttp2: boolean;
  /** It can wait for 100 Continue. */
  readonly expects: boolean;
  /** Runs where the program can. */
  readonly needs: readonly string[];
  /** Compiles it into the folder. */
  readonly build?: readonly string[];
  readonly run: readonly string[];
  readonly plan: 'json' | 'lines';
}

const sources = path.join(root, 'test', 'http-clients', 'programs');
const source = (name: string): string => path.join(sources, name);
const onlyHttp1 = { speaks: ['1.1'], speaksCleartextHttp2: false } as const;

export const clientPrograms: readonly ClientProgram[] = [
  {
    name: 'Go net/http',
    speaks: ['1.1', '2'],
    speaksCleartextHttp2: true,
    isSlowWithLength: true,
    expects: true,
    needs: ['go', 'version'],
    build: ['go', 'build', '-o', 'refused', source('refused.go')],
    run: ['./refused', 'plan'],
    plan: 'json',
  },
  {
    name: 'Java HttpClient',
    speaks: ['1.1', '2'],
    speaksCleartextHttp2: false,
    isSlowWithLength: true,
    expects: true,
    needs: ['javac', '--version'],
    build: ['javac', '-d', '.', source('Refused.java')],
    run: ['java', '-cp', '.', 'Refused', 'plan', 'ca.pem'],
    plan: 'lines',
  },
  {
    ...onlyHttp1,
    name: 'fetch of Node',
    isSlowWithLength: false,
    expects: false,
    needs: ['node', '--version'],
    run: [process.execPath, source('refused.mjs'), 'plan'],
    plan: 'json',
  },
  {
    ...onlyHttp1,
    name: 'Python http.client',
    isSlowWithLength: true,
    expects: false,
    needs: ['python3', '--version'],
    run: ['python3', source('refused.py'), 'plan', 'http.client'],
    plan: 'json',
  },
  {
    ...onlyHttp1,
    name: 'Python requests',
    isSlowWithLength: true,
    expects: false,
    needs: ['python3', '-c', 'import requests'],
    run: ['python3', source('refused.py'), 'plan', 'requests'],
    plan: 'json',
  },
  {
    name: 'curl',
    speaks: ['1.1', '2'],
    speaksCleartextHttp2: true,
    isSlowWithLength: true,
    expects: true,
    needs: ['curl', '--version'],
    run: [process.execPath, source('refused-curl.mjs'), 'plan'],
    plan: 'json',
  },
];

/** Why a program cannot run here; undefined: it can. */
export function whyMissing({
  needs: [command, ...args],
}: Pick<ClientProgram, 'needs'>): string | undefined {
  return spawnSync(command!, args).status === 0
    ? undefined
    : `it needs ${[command, ...args].join(' ')}`;
}

/** Compiles a program into a folder of its own, if it has to be. */
export function build(program: Pick<ClientProgram, 'name' | 'build'>, folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (program.build === undefined) return;
  const [command, ...args] = program.build;
  const { status, stderr } = spawnSync(command!, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program.name} does not compile: ${stderr}`);
}

/** Sends the requests of a plan, one trial after the other. `folder` has `ca.pem` if there is TLS. */
export async function runTrials(
  program: ClientProgram,
  folder: string,
  trials: readonly Trial[],
): Promise<Faults> {
  const ca = path.join(folder, 'ca.pem');
  const plan =
    program.plan === 'json' ? JSON.stringify({ ca, cases: trials }) : trials.map(lineOf).join('\n');
  writeFileSync(path.join(folder, 'plan'), plan);
  const [command, ...args] = program.run;
  const child = spawn(command!, args, {
    cwd: folder,
    env: { ...process.env, NODE_EXTRA_CA_CERTS: ca },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  const status = await new Promise((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`${program.name} ended with ${String(status)}`);
  const lines = output.trim().split('\n');
  const answers = lines.map((line) => JSON.parse(line) as { id: string; faults: string[] });
  return new Map(answers.map(({ id, faults }) => [id, faults]));
}

function lineOf(trial: Trial): string {
  const { id, url, http, method, bytes, runs, status, pauseMs, chunked } = trial;
  const headers = Object.entries(trial.headers).flat();
  return [id, url, http, method, bytes, runs, status, pauseMs, chunked, ...headers].join('\t');
}
