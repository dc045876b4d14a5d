import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { isTeam } from '../../src/cli/init/files.ts';
import { runCli } from '../cli/run-cli.ts';
import { startRealService } from '../real-service.ts';

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-init-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const contents = (folder: string, name: string): string =>
  readFileSync(path.join(folder, ...name.split('/')), 'utf8');

test('headgate init writes what starts, and passes schemas check and doctor', async () => {
  const folder = temporaryFolder();
  const written = await runCli(['init', '--team', 'checkout'], { cwd: folder });
  expect(written).toMatchObject({
    code: 0,
    stdout:
      'wrote headgate.yaml\nwrote schemas/taxonomy.yaml\nwrote schemas/user_signed_up/1.json\n',
  });
  expect(written.stderr).toContain('npx headgate serve');
  expect(contents(folder, 'schemas/taxonomy.yaml')).toContain('owner: "checkout"');

  const checked = await runCli(['schemas', 'check'], { cwd: folder });
  expect(checked).toMatchObject({ code: 0, stderr: '' });
  expect(checked.stdout).toContain('1 event in');

  await using real = await startRealService({
    yaml: contents(folder, 'headgate.yaml'),
    env: { HEADGATE_SCHEMAS_DIR: path.join(folder, 'schemas') },
    config: { destinations: [] },
  });
  for (const [name, properties, codes] of [
    ['user_signed_up', { plan: 'team' }, []],
    ['user_signed_up', {}, ['schema_violation']],
    ['Order Completed', {}, ['unplanned_event']],
  ] as const) {
    const event = { event_name: name, user_id: 'u-1', properties };
    const answer = await fetch(`${real.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...event, idempotency_key: crypto.randomUUID() }),
    });
    const { status, warnings } = (await answer.json()) as {
      status: string;
      warnings: { code: string }[];
    };
    expect(status).toBe('accepted');
    expect(warnings.map(({ code }) => code)).toEqual(codes);
  }

  const env = { HEADGATE_LISTEN: '127.0.0.1:0', HEADGATE_ADMIN_LISTEN: '127.0.0.1:1' };
  const examined = await runCli(['doctor', '--json'], { cwd: folder, env });
  const { findings } = JSON.parse(examined.stdout) as {
    findings: { check: string; level: string; found: string }[];
  };
  expect(findings.filter(({ level }) => level === 'failure')).toEqual([]);
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'schemas',
      level: 'ok',
      found: expect.stringContaining('1 event'),
    }),
  );
}, 60_000);

test('headgate init overwrites nothing, and asks nothing in a pipe', async () => {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'headgate.yaml'), '# mine\n');
  const refused = await runCli(['init', '--dir', folder]);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('headgate.yaml is there, and nothing was written');
  expect(contents(folder, 'headgate.yaml')).toBe('# mine\n');
  rmSync(path.join(folder, 'headgate.yaml'));
  const written = await runCli(['init', '--dir', folder], { input: '' });
  expect(written.code).toBe(0);
  expect(contents(folder, 'schemas/taxonomy.yaml')).toContain(`owner: "${path.basename(folder)}"`);
}, 60_000);

test('a team can stand in YAML as it is', () => {
  for (const team of ['checkout', 'web-2', 'a.b_c', 'x'.repeat(64)])
    expect(isTeam(team)).toBe(true);
  for (const team of ['', 'a b', 'a: b', '#a', 'a\n', '-a', 'x'.repeat(65)]) {
    expect(isTeam(team)).toBe(false);
  }
});
