import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

describe('the commands of docs/send/clients.md', () => {
  let service: RealService;

  beforeAll(async () => {
    service = await startRealService();
  });

  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
  });

  it.each(fences.filter(({ language }) => language === 'sh'))('$text', async ({ text }) => {
    const script = text.replaceAll('127.0.0.1:8080', new URL(service.url).host);
    const { stdout } = await run('bash', ['-euc', script], { cwd: root, timeout: 60_000 });
    expect(stdout).toMatch(/"status": ?"(accepted|ACCEPTED)"/);
  });
});
