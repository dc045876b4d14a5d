import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { folderOf, languages } from '../clients/languages.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { fencesOf, readPage, root } from './markdown.ts';

const run = promisify(execFile);
const fences = fencesOf(readPage('docs/send/clients.md'));

describe('the lines of docs/send/clients.md', () => {
  // npm run test:clients runs what they stand in.
  it.each(languages)('for $name stand in its example', (language) => {
    const shown = fences.find((fence) => fence.language === language.name);
    const program = readFileSync(path.join(folderOf(language), language.firstFile), 'utf8');
    expect(shown?.text.length).toBeGreaterThan(100);
    expect(program).toContain(shown!.text);
  });

  it('have the service config of the examples', () => {
    const { text } = fences.find(({ language }) => language === 'json')!;
    const shown = JSON.parse(text) as object;
    const go = readFileSync(path.join(root, 'examples/go/headgate/client.go'), 'utf8');
    expect(JSON.parse(/retries = `([^`]+)`/.exec(go)![1]!)).toEqual(shown);
  });
});

const sendPages = ['docs/send/endpoints.md', 'docs/send/clients.md'];

describe.each(sendPages)('the commands of %s', (page) => {
  let service: RealService;
  let folder: string;

  beforeAll(async () => {
    service = await startRealService();
    folder = mkdtempSync(path.join(tmpdir(), 'headgate-send-'));
    // A command whose answer is no success fails.
    writeFileSync(path.join(folder, '.curlrc'), 'fail-with-body\n');
  });

  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const scripts = fencesOf(readPage(page)).filter(({ language }) => language === 'sh');

  it('are there', () => expect(scripts.length).toBeGreaterThan(1));

  it.each(scripts)('$text', async ({ text }) => {
    const script = text.replaceAll('127.0.0.1:8080', new URL(service.url).host);
    const { stdout } = await run('bash', ['-euc', script], {
      cwd: root,
      timeout: 60_000,
      env: { ...process.env, CURL_HOME: folder },
    });
    const answer = JSON.parse(stdout) as Answer;
    const results = answer.results ?? [answer.result ?? answer];
    const statuses = results.map(({ status }) => status?.toLowerCase() ?? answer.openapi);
    const wanted = text.includes('/openapi.json') ? '3.1.0' : 'accepted';
    expect(new Set(statuses)).toEqual(new Set([wanted]));
  });
});

interface Answer {
  readonly status?: string;
  readonly result?: { readonly status?: string };
  readonly results?: readonly { readonly status?: string }[];
  readonly openapi?: string;
}
