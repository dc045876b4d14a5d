import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { fencesOf, readPage, root } from './markdown.ts';

const run = promisify(execFile);
const readme = readPage('README.md');
const fences = fencesOf(readme);
const addressShown = '127.0.0.1:8080';

interface Example {
  readonly name: string;
  readonly script: string;
  /** The block below it. */
  readonly output: string;
}

/** A block of `sh` and the block of what it prints. The one that starts everything has none. */
const examples: Example[] = fences.flatMap((fence, index) => {
  if (fence.language !== 'sh' || fence.text.includes('npm ci')) return [];
  const output = fences[index + 1];
  if (output === undefined || !['json', 'text'].includes(output.language)) {
    throw new Error(`there is no output below: ${fence.text}`);
  }
  const [name = ''] = fence.text.split('\n', 1);
  return [{ name: name.slice(0, 70), script: fence.text, output: output.text }];
});

let folder: string;
let service: RealService;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-readme-'));
  cpSync(path.join(root, 'schemas'), path.join(folder, 'schemas'), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  service = await startRealService({
    env: {
      HEADGATE_DATA_DIR: path.join(folder, 'data'),
      HEADGATE_SCHEMAS_DIR: path.join(folder, 'schemas'),
    },
  });
});

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

const programs = path.join(root, 'node_modules', '.bin');

async function paste(script: string): Promise<string> {
  const here = script.replaceAll(addressShown, new URL(service.url).host);
  const { stdout } = await run('bash', ['-euc', here], {
    cwd: folder,
    timeout: 60_000,
    env: { ...process.env, PATH: `${programs}${path.delimiter}${process.env['PATH']}` },
  });
  return stdout;
}

/** Times and keys are new every time. */
function masked(text: string): string {
  return text
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, 'TIME')
    .replaceAll(/hg_[\w-]+/g, 'KEY')
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'HASH')
    .trim();
}

/** JSON is compared as what it says, whatever its spaces. */
function comparable(text: string): unknown {
  const plain = masked(text);
  return plain.startsWith('{') ? JSON.parse(plain) : plain;
}

/** What was just sent takes a moment to be delivered. */
async function pasteUntil(example: Example): Promise<string> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const printed = await paste(example.script);
    const isQuery = example.script.includes('headgate query');
    if (!isQuery || masked(printed) === masked(example.output)) return printed;
    if (performance.now() > deadline) return printed;
    await sleep(200);
  }
}

describe('the examples of README.md', () => {
  it('are all found', () => {
    expect(examples.length).toBeGreaterThanOrEqual(6);
  });

  // In order: a later one shows what an earlier one did.
  it.each(examples)('$name ...', async (example) => {
    expect(comparable(await pasteUntil(example))).toEqual(comparable(example.output));
  });

  it('can be pasted twice: the second is a duplicate', async () => {
    const [first, second] = examples;
    const again = [await paste(first!.script), await paste(second!.script)];
    expect(again.map((text) => JSON.parse(text) as unknown)).toMatchObject([
      { status: 'duplicate', sequence: 1 },
      { result: { status: 'DUPLICATE', sequence: '2' } },
    ]);
  });

  it('have a configuration that can be read', () => {
    const yaml = fences.find((fence) => fence.language === 'yaml')!.text;
    const config = readConfig({
      env: { CRM_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
      configFile: 'headgate.yaml',
      readFile: () => yaml,
      destinationTypes,
    });
    expect(config.destinations.map(({ name }) => name)).toEqual(['warehouse', 'crm']);
  });
});
