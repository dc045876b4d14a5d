import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startRealService, type RealService } from '../real-service.ts';
import { fencesOf, readPage, root } from '../documentation/markdown.ts';
import { buildClient, findNode20, type BuiltClient } from './built-client.ts';

const run = promisify(execFile);
const node20 = findNode20();
if ('missing' in node20) console.warn(`skipped: ${node20.missing}`);
const nodes = [process.execPath, ...('path' in node20 ? [node20.path] : [])];

let client: BuiltClient;
let service: RealService;

beforeAll(async () => {
  client = await buildClient();
  service = await startRealService();
});

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  client?.[Symbol.dispose]();
});

/** Runs a program in the folder in which the package is installed. */
async function runProgram(node: string, name: string, text: string): Promise<string> {
  writeFileSync(path.join(client.folder, name), text);
  const { stdout, stderr } = await run(node, [name], { cwd: client.folder, timeout: 60_000 });
  expect(stderr).toBe('');
  return stdout;
}

const body = `
const report = async () => {
  const before = process.getActiveResourcesInfo().length;
  const counts = [];
  for (const protocol of ['connect', 'grpc', 'json']) {
    const client = createHeadgateClient({ url: URL_OF_GATE, protocol, spool: { directory: 'spool' } });
    const properties = { order_id: 'A-1', total: 49.9, currency: 'EUR' };
    const { idempotencyKey } = await client.track({ eventName: 'order_completed', userId: 'u-1', properties });
    await client.flush();
    await client.track({ eventName: 'order_completed', userId: 'u-1', properties, idempotencyKey });
    await client[Symbol.asyncDispose]();
    const { accepted, duplicate, rejected, waiting, dropped } = client.counters();
    counts.push({ accepted, duplicate, rejected, waiting, dropped });
  }
  return JSON.stringify({ version: process.version, before, counts });
};
report().then(console.log);
`;

describe.each(nodes)('the package on %s', (node) => {
  it.each([
    ['by require', 'program.cjs', "const { createHeadgateClient } = require('@headgate/client');"],
    ['by import', 'program.mjs', "import { createHeadgateClient } from '@headgate/client';"],
  ])(
    'works %s, over every protocol, and its programs end by themselves',
    async (_how, name, head) => {
      const text = `${head}\n${body.replace('URL_OF_GATE', JSON.stringify(service.url))}`;
      const { counts } = JSON.parse(await runProgram(node, name, text)) as { counts: unknown };
      const each = { accepted: 1, duplicate: 1, rejected: 0, waiting: 0, dropped: 0 };
      expect(counts).toEqual([each, each, each]);
    },
  );

  it('has no effect when it is imported, and loads no RPC library', async () => {
    const printed = await runProgram(
      node,
      'import.cjs',
      `const before = process.getActiveResourcesInfo().length;
      require('@headgate/client');
      const loaded = Object.keys(require.cache).filter((name) => name.includes('connectrpc'));
      console.log(process.getActiveResourcesInfo().length - before, loaded.length);`,
    );
    expect(printed.trim()).toBe('0 0');
  });
});

const typed = `
interface Events {
  order_completed: { order_id: string; total: number; currency: string; coupon?: string };
  session_started: { page?: string };
}
const client = createHeadgateClient<Events>({ url: 'http://127.0.0.1:1', spool: { memory: true } });
const properties = { order_id: 'A', total: 1, currency: 'EUR' };
void client.track({ eventName: 'order_completed', userId: 'u', properties });
void client.track({ eventName: 'session_started', userId: 'u' });
// @ts-expect-error: no event of this name
void client.track({ eventName: 'order_complete', userId: 'u', properties });
// @ts-expect-error: total is a number
void client.track({ eventName: 'order_completed', userId: 'u', properties: { ...properties, total: '1' } });
// @ts-expect-error: order_completed has properties that are required
void client.track({ eventName: 'order_completed', userId: 'u' });
// @ts-expect-error: these are the properties of another event
void client.track({ eventName: 'session_started', userId: 'u', properties: { order_id: 'A' } });
const untyped: HeadgateClient = createHeadgateClient({ url: 'http://127.0.0.1:1', spool: { memory: true } });
void untyped.track({ eventName: 'anything_happened', anonymousId: 'a', properties: { deep: [{ x: null }] } });
`;

describe('its types', () => {
  it.each([
    [
      'ES modules',
      'types.mts',
      "import { createHeadgateClient, type HeadgateClient } from '@headgate/client';",
    ],
    [
      'CommonJS',
      'types.cts',
      "import { createHeadgateClient, type HeadgateClient } from '@headgate/client';",
    ],
  ])('determine the properties of each event, in %s', async (_format, name, head) => {
    writeFileSync(path.join(client.folder, name), `${head}\n${typed}`);
    const types = path.join(root, 'node_modules/@types');
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--ignoreConfig',
    ];
    const libs = ['--lib', 'es2022,esnext.disposable', '--typeRoots', types, '--types', 'node'];
    const checked = await run('tsc', [...options, ...libs, name], { cwd: client.folder }).catch(
      (error: { stdout: string }) => ({ stdout: error.stdout }),
    );
    expect(checked.stdout).toBe('');
  });
});

describe('the example of client/README.md', () => {
  it('sends an event', async () => {
    const example = fencesOf(readPage('client/README.md')).find(
      ({ language }) => language === 'js',
    )!;
    const text = example.text.replaceAll('http://127.0.0.1:8080', service.url);
    const printed = await runProgram(process.execPath, 'example.mjs', text);
    expect(printed).toContain('accepted: 1');
  });
});
