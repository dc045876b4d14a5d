import { spawn } from 'node:child_process';
import path from 'node:path';

import { folderOf } from './cache.ts';
import { programsFolder } from './compiled.ts';
import type { Made, Scenario } from './scenarios.ts';
import type { Sdk } from './sdks.ts';

/** What an SDK believes about a call. */
export interface Belief {
  /** `broke`: it failed with an error that is not the SDK's own, because it did not understand the answer. */
  readonly belief: 'sent' | 'failed' | 'broke';
  /** Its error, or by what it shows that the call was sent. */
  readonly why: string;
}

export interface Ran {
  readonly beliefs: ReadonlyMap<string, Belief>;
  readonly logs: readonly string[];
  /** Why the program did not come to its end; undefined: it did. */
  readonly crash: string | undefined;
}

const programTimeoutMs = 60_000;

/** Runs the program of an SDK, which makes the calls. */
export async function runProgram(
  sdk: Sdk,
  { isGzip, isCaptureV1, fault }: Scenario,
  url: string,
  key: string,
  made: readonly Made[],
): Promise<Ran> {
  const [command, ...args] = commandOf(sdk);
  const calls = made.map(({ call, marker, isGood }) => `${call}${isGood ? '' : '!'}=${marker}`);
  const child = spawn(command!, [...args, url, key, isGzip ? 'gzip' : 'plain', ...calls], {
    env: {
      ...environmentOf(sdk),
      ...(isCaptureV1 && { POSTHOG_CAPTURE_MODE: 'v1' }),
      ...(fault === 'limited' && { SDK_OWN_PACE: '1' }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: programTimeoutMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return read(output, errors, status);
}

function read(output: string, errors: string, status: number | null): Ran {
  const beliefs = new Map<string, Belief>();
  const logs: string[] = [];
  let isEnd = false;
  for (const line of output.split('\n')) {
    if (!line.startsWith('report ')) {
      if (line.trim() !== '') logs.push(line);
      continue;
    }
    const said = JSON.parse(line.slice('report '.length)) as Partial<Belief> & {
      marker?: string;
      log?: string;
      end?: true;
    };
    if (said.marker !== undefined) beliefs.set(said.marker, said as Belief);
    if (said.log !== undefined) logs.push(said.log);
    if (said.end) isEnd = true;
  }
  logs.push(...errors.split('\n').filter((line) => line.trim() !== ''));
  const ended =
    status === null ? `did not end in ${programTimeoutMs / 1000} s` : `ended with ${status}`;
  const crash = isEnd && status === 0 ? undefined : `${ended}: ${logs.slice(-3).join(' | ')}`;
  return { beliefs, logs, crash };
}

function commandOf(sdk: Sdk): string[] {
  const source = path.join(programsFolder, sdk.program);
  switch (sdk.language) {
    case 'Python':
      return ['python3', '-B', source];
    case 'Node':
      return [process.execPath, source];
    case 'Ruby':
      return ['ruby', source];
    case 'PHP':
      return ['php', source];
    case 'Go':
      return [path.join(folderOf(sdk), 'calls')];
    case 'Java': {
      const classes = ['classes', 'lib/*'].map((name) => path.join(folderOf(sdk), name));
      return ['java', '-cp', classes.join(':'), path.basename(sdk.program, '.java')];
    }
  }
}

function environmentOf(sdk: Sdk): NodeJS.ProcessEnv {
  const folder = folderOf(sdk);
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    PYTHONPATH: folder,
    GEM_PATH: folder,
    SDK_FOLDER: folder,
    SDK_NAME: sdk.name,
    SDK_VERSION: sdk.version,
  };
}
