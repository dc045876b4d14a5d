/**
 * Generates and builds the examples of other languages as their READMEs say, and runs test/clients with
 * those that are built, against a real gate. A language whose tools are not here, or whose libraries
 * cannot be fetched, is skipped and named; one that does not compile is a failure.
 *
 *     npm run test:clients                       # all, however long their first builds take
 *     npm run test:clients -- --minutes 4        # what can be built in that time
 *     npm run test:clients -- --languages go,java
 *     npm run test:clients -- --build-only       # and names those that are built in .headgate/built-clients
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { commandsOf, folderOf, languages, type Language } from '../../test/clients/languages.ts';
import { root } from '../../test/documentation/markdown.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    languages: { type: 'string' },
    'build-only': { type: 'boolean', default: false },
  },
});
const buildUntil = performance.now() + Number(values.minutes) * 60_000;
const wanted = values.languages?.split(',') ?? languages.map(({ name }) => name);

/** For the run of tests that follows: as it is in TESTED_CLIENTS. */
const builtClientsFile = path.join(root, '.headgate', 'built-clients');

const env = {
  ...process.env,
  PATH: `${path.join(root, 'node_modules', '.bin')}${path.delimiter}${process.env['PATH']}`,
};

type Built =
  | { readonly kind: 'built' }
  | { readonly kind: 'skipped' | 'failed'; readonly why: string };

async function build(language: Language): Promise<Built> {
  for (const [command, ...args] of language.needs) {
    if (spawnSync(command!, args).status !== 0)
      return { kind: 'skipped', why: `it needs ${command}` };
  }
  const timeoutMs = buildUntil - performance.now();
  if (timeoutMs <= 0) return { kind: 'skipped', why: 'there was no time left to build it' };
  const { status, output } = await paste(commandsOf(language).build, folderOf(language), timeoutMs);
  if (status === 0) return { kind: 'built' };
  if (status === null) return { kind: 'skipped', why: 'there was not the time to build it' };
  if (language.notFetched.test(output))
    return { kind: 'skipped', why: 'its libraries could not be fetched' };
  return { kind: 'failed', why: output };
}

/** Status null: it was ended, with all that it had started. */
function paste(
  script: string,
  cwd: string,
  timeoutMs: number,
): Promise<{ status: number | null; output: string }> {
  const child = spawn('bash', ['-euc', script], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), timeoutMs);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)));
  return new Promise((resolve) => {
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output });
    });
  });
}

const built: string[] = [];
for (const language of languages.filter(({ name }) => wanted.includes(name))) {
  const start = performance.now();
  const result = await build(language);
  const took = `${((performance.now() - start) / 1000).toFixed(1)} s`;
  if (result.kind === 'built') {
    built.push(language.name);
    console.log(`test:clients: ${language.name}: built in ${took}`);
  } else {
    console.log(`test:clients: ${language.name}: ${result.kind}: ${result.why}`);
    if (result.kind === 'failed') process.exitCode = 1;
  }
}
if (values['build-only']) {
  mkdirSync(path.dirname(builtClientsFile), { recursive: true });
  writeFileSync(builtClientsFile, built.join(','));
} else if (built.length > 0) {
  const { status } = spawnSync('vitest', ['run', 'test/clients/languages.test.ts'], {
    stdio: 'inherit',
    env: { ...env, TESTED_CLIENTS: built.join(',') },
  });
  if (status !== 0) process.exitCode = 1;
}
