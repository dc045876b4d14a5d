import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { readLog } from '../destinations/headgate-far-side.ts';
import { startFar } from './far.ts';
import { prepareRelay, source } from './killed-relay.ts';
import { isHere, languages, startSnippet, type SnippetProgram } from './snippets.ts';

test('the snippets of docs/send/relay.md lose nothing while the relay is killed', async (context) => {
  const here: string[] = [];
  for (const language of languages) {
    if (await isHere(language)) here.push(language.name);
    else console.log(`snippets: ${language.name} is not tested: ${language.needs.join(' ')} fails`);
  }
  const tested = languages.filter(({ name }) => here.includes(name));
  if (tested.length === 0) return context.skip('no language of the page is on this machine');
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-snippets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const far = await startFar();
  onTestFinished(() => far.close());
  await using relay = await prepareRelay(far.network.port);
  let run = await relay.start();
  const programs = new Map<string, SnippetProgram>();
  await Promise.all(
    tested.map(async (language) => {
      const own = path.join(folder, language.name);
      mkdirSync(own);
      programs.set(language.name, await startSnippet(language, own, relay.url));
    }),
  );
  const sent: string[] = [];
  const send = (): void => {
    for (const program of programs.values()) {
      const keys = Array.from({ length: 5 }, () => randomUUID());
      program.send(keys.map((key) => `${key} 1`));
      sent.push(...keys);
    }
  };
  const written = () => [...programs.values()].map(({ lines }) => lines.length);

  send();
  await expect.poll(written, { timeout: 20_000 }).toEqual(here.map(() => 5));
  run.kill('SIGKILL');
  await run.exit;
  send();
  run = await relay.start();
  await expect.poll(written, { timeout: 20_000 }).toEqual(here.map(() => 10));
  for (const program of programs.values()) program.send([`${randomUUID()} -1`]);
  const ends = await Promise.all([...programs.values()].map((program) => program.end()));
  expect(ends).toEqual(here.map(() => ({ code: 0, errors: '' })));
  const lines = [...programs.values()].flatMap((program) => program.lines);
  const wrote = (word: string): string[] =>
    lines.filter((line) => line.startsWith(word)).map((line) => line.split(' ')[1]!);
  expect(wrote('sent').toSorted()).toEqual(sent.toSorted());
  expect(wrote('rejected')).toHaveLength(here.length);

  const stored = async (): Promise<string[]> =>
    (await readLog(far.gate))
      .filter(({ event }) => event.source === source)
      .map(({ event }) => String(event.properties?.['order_id']))
      .toSorted();
  await expect.poll(stored, { timeout: 20_000 }).toEqual(sent.toSorted());
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
}, 90_000);
