import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, onTestFinished, test } from 'vitest';

import { readPage } from '../documentation/markdown.ts';
import { root } from './installed-package.ts';

const run = promisify(execFile);
const dockerfile = readPage('Dockerfile');

/** What .dockerignore lets through: names and folders behind `!`, but for those of the last lines. */
const ignore = readPage('.dockerignore').split('\n');
const allowed = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
const isAllowed = (file: string): boolean =>
  allowed.some((name) => file === name || file.startsWith(`${name}/`)) &&
  !/\.(test|fixture)\.ts$/.test(file);

/** The build stage, with `node_modules` of this checkout in the place of `npm ci`. */
function copySources(source: string): void {
  const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) (\S+)$/gm)];
  expect(copies.length).toBeGreaterThan(7);
  for (const [, names, target] of copies) {
    for (const name of names!.split(' ')) {
      const isFolder = target!.endsWith('/') || target === './';
      const to = path.join(source, isFolder ? path.join(target!, path.basename(name)) : target!);
      expect(existsSync(path.join(root, name))).toBe(true);
      cpSync(path.join(root, name), to, {
        recursive: true,
        filter: (file) => {
          const own = path.relative(root, file);
          return isAllowed(own) || allowed.some((each) => each.startsWith(`${own}/`));
        },
      });
    }
  }
}

test('the image is what its COPY lines build, runs, and has no contracts and no sources', async () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'headgate-image-'));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  const source = path.join(scratch, 'source');
  const app = path.join(scratch, 'app');
  copySources(source);
  symlinkSync(path.join(root, 'node_modules'), path.join(source, 'node_modules'));
  const commands = /^RUN (node .*) && mkdir \/data$/m.exec(dockerfile)![1]!;
  for (const command of commands.split(' && ')) {
    const [, ...args] = command.replace('/app', app).split(' ');
    // The compiler of the build stage is that of its own node_modules: no PATH is needed.
    await run(process.execPath, args, {
      cwd: source,
      env: { PATH: '/nowhere', HEADGATE_SKIP_NATS_SERVER: '1' },
    });
  }
  expect(readdirSync(app).toSorted()).toEqual([
    'LICENSE',
    'bin',
    'dist',
    'node_modules',
    'package.json',
    'proto',
  ]);
  const modules = path.join(app, 'node_modules');
  for (const name of [
    'pg',
    '@clickhouse/client',
    '@platformatic/kafka',
    '@aws-sdk/client-sqs',
    '@aws-sdk/client-s3',
    '@google-cloud/bigquery-storage',
    '@google-cloud/pubsub',
    '@google-cloud/storage',
    'snowflake-sdk',
    'undici',
    'pg-pool',
  ]) {
    expect(existsSync(path.join(modules, name))).toBe(true);
  }
  for (const name of ['vitest', 'typescript', 'rolldown', '@eplightning', '.headgate', 'pino']) {
    expect(existsSync(path.join(modules, name))).toBe(false);
  }
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)![1]!;
  const [, ...flags] = JSON.parse(entry) as string[];
  const ran = await run(process.execPath, [...flags, '--version'], { cwd: app });
  expect(ran.stdout).toBe('0.1.0\n');
  // A mount of contracts that failed stops the start.
  const named = /HEADGATE_SCHEMAS_DIR=(\S+)/.exec(dockerfile)![1]!;
  expect(named).toBe('/app/schemas');
  await expect(
    run(process.execPath, [...flags, 'serve'], {
      cwd: app,
      env: { PATH: '/nowhere', HEADGATE_SCHEMAS_DIR: path.join(scratch, named) },
    }),
  ).rejects.toThrow('schemas');
  // Each client that a destination loads is found.
  const clients = [
    'pg',
    '@clickhouse/client',
    '@platformatic/kafka',
    '@aws-sdk/client-sqs',
    '@aws-sdk/client-s3',
    '@google-cloud/bigquery-storage',
    '@google-cloud/pubsub',
    '@google-cloud/storage',
    'snowflake-sdk',
    'hyparquet-writer',
    'jsonata',
  ];
  const load = clients.map((name) => `await import('${name}');`).join('\n');
  await run(process.execPath, ['--input-type=module', '-e', load], { cwd: app });
});
