import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { runCli } from '../cli/run-cli.ts';
import { startRealService } from '../real-service.ts';
import { track } from './two-gates.ts';

function folder(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'headgate-docs-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

const crm = [
  'destinations:',
  '  crm:',
  '    type: webhook',
  '    url: https://crm.example',
  '    secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0',
  '    events: ["order_*"]',
].join('\n');

test.each(['html', 'markdown'])(
  'the pages in %s show where events go, and when the last one came',
  async (format) => {
    await using gate = await startRealService({ yaml: 'destinations: {}\n' });
    const out = folder();
    const config = path.join(out, 'headgate.yaml');
    writeFileSync(config, crm);
    await track(gate.url, {});
    const env = { HEADGATE_ADMIN_LISTEN: gate.adminUrl.replace('http://', '') };
    const args = ['--out', path.join(out, 'site'), '--format', format, '--config', config];
    const { code, stdout, stderr } = await runCli(['schemas', 'docs', ...args], { env });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('4 events in ');
    const [ending, index] = format === 'html' ? ['html', 'index.html'] : ['md', 'README.md'];
    expect(readdirSync(path.join(out, 'site')).sort()).toEqual([index, 'events'].sort());
    const page = readFileSync(path.join(out, 'site/events', `order_completed.${ending}`), 'utf8');
    expect(page).toContain('crm (webhook)');
    expect(page).toContain(new Date().toISOString().slice(0, 10));
    const other = readFileSync(path.join(out, 'site/events', `invoice_paid.${ending}`), 'utf8');
    expect(other).toContain('nowhere');
    expect(other).toContain('not in the log');
  },
);

test('the contracts of a gate produce the same pages as their folder', async () => {
  await using gate = await startRealService({
    yaml: 'destinations: {}\n',
    env: { HEADGATE_SCHEMAS_SOURCE: 'registry' },
  });
  const out = folder();
  const env = { HEADGATE_ADMIN_LISTEN: gate.adminUrl };
  const ofFolder = ['schemas', 'docs', '--out', path.join(out, 'folder'), '--format', 'markdown'];
  const ofGate = ['schemas', 'docs', '--out', path.join(out, 'gate'), '--format', 'markdown'];
  expect((await runCli(ofFolder, { env })).code).toBe(0);
  expect((await runCli([...ofGate, '--from-gate'], { env })).code).toBe(0);
  for (const page of ['README.md', 'events/order_completed.md', 'events/page_viewed.md']) {
    expect(readFileSync(path.join(out, 'gate', page), 'utf8')).toBe(
      readFileSync(path.join(out, 'folder', page), 'utf8'),
    );
  }
});

test('writes the pages without a gate and a configuration, and names what is unknown', async () => {
  const out = folder();
  const config = path.join(out, 'headgate.yaml');
  writeFileSync(config, crm.replace('https://crm.example', '${SECRET_ADDRESS}'));
  // No process listens on port 9.
  const args = ['--out', out, '--format', 'markdown', '--config', config, '--admin', '127.0.0.1:9'];
  const { code, stderr } = await runCli(['schemas', 'docs', ...args]);
  expect(code).toBe(0);
  expect(stderr).toContain('SECRET_ADDRESS');
  expect(stderr).toContain('The admin port cannot be reached at http://127.0.0.1:9.');
  const page = readFileSync(path.join(out, 'README.md'), 'utf8');
  expect(page).toContain('the configuration of the gate could not be read when this was written.');
  expect(page).toContain('no running gate could be asked when this was written.');
  expect(page).not.toContain('127.0.0.1');
  expect(page).not.toContain('SECRET');
});

test('reports a folder that cannot be written', async () => {
  const file = path.join(folder(), 'file');
  writeFileSync(file, '');
  const { code, stderr } = await runCli(['schemas', 'docs', '--out', file]);
  expect(code).toBe(1);
  expect(stderr).toContain('cannot be written');
});
