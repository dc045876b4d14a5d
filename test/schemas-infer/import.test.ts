import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { apiPlan, firstProject } from '../../src/tracking-plans/rudderstack-plans.fixture.ts';
import { publicApiPlan } from '../../src/tracking-plans/segment-plans.fixture.ts';
import { runCli } from '../cli/run-cli.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-import-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const whole = path.join(folder, name);
  mkdirSync(path.dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

function project(): string {
  for (const [name, text] of Object.entries(firstProject)) file(`project/${name}`, text);
  return path.join(folder, 'project');
}

test.each([
  ['segment', () => file('segment.json', JSON.stringify(publicApiPlan)), '4 events, 5 schemas'],
  ['rudderstack', () => file('rudder.json', JSON.stringify(apiPlan)), '3 events, 3 schemas'],
  ['rudderstack', project, '3 events, 3 schemas'],
])('a plan of %s becomes a folder that passes the check', async (system, source, count) => {
  const plan = source();
  const out = `${plan}-schemas`;
  const report = `${plan}-report.md`;
  const args = ['schemas', 'import', '--from', system, plan, '--out', out, '--report', report];
  const answer = await runCli(args);
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  expect(answer.stdout).toContain(`${count} in ${out}`);
  expect(readFileSync(report, 'utf8')).toContain('- [ ] ');
  const check = await runCli(['schemas', 'check', '--schemas', out]);
  expect(check).toMatchObject({ code: 0, stderr: '' });
  expect(check.stdout).toContain('all sound');
  const again = await runCli(args);
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toContain('has a taxonomy.yaml already');
});

test.each([
  ['{', 'is neither JSON nor YAML'],
  ['a: [', 'is neither JSON nor YAML'],
  ['{}', 'has no tracking plan of segment'],
])('%j is no plan, and says so', async (text, sentence) => {
  const plan = file('broken.json', text);
  const answer = await runCli(['schemas', 'import', '--from', 'segment', plan, '--out', folder]);
  expect(answer).toMatchObject({ code: 1, stdout: '' });
  expect(answer.stderr).toContain(sentence);
});
