import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { runCli, type CliAnswer } from '../cli/run-cli.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { track } from './two-gates.ts';

const yaml = 'destinations: {}\n';
let gate: RealService;

beforeAll(async () => {
  gate = await startRealService({
    yaml,
    env: { HEADGATE_SCHEMAS_SOURCE: 'registry', HEADGATE_ADMIN_TOKEN: 'sesame-of-this-test' },
  });
});

afterAll(() => gate[Symbol.asyncDispose]());

function headgate(...args: string[]): Promise<CliAnswer> {
  const env = { HEADGATE_ADMIN_LISTEN: gate.adminUrl, HEADGATE_ADMIN_TOKEN: 'sesame-of-this-test' };
  return runCli(['schemas', ...args], { env });
}

/** A copy of the examples that a test may change. */
function folder() {
  const directory = mkdtempSync(path.join(tmpdir(), 'headgate-schemas-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync('schemas', directory, { recursive: true });
  const file = (name: string): string => path.join(directory, name);
  return {
    directory,
    json: (name: string) =>
      JSON.parse(readFileSync(file(name), 'utf8')) as { properties: object; required: string[] },
    write: (name: string, value: object) => writeFileSync(file(name), JSON.stringify(value)),
    taxonomy: (change: (text: string) => string) =>
      writeFileSync(file('taxonomy.yaml'), change(readFileSync(file('taxonomy.yaml'), 'utf8'))),
  };
}

test('pushes only changed events, which validate at once', async () => {
  const { directory, json, write, taxonomy } = folder();
  const same = await headgate('push', '--schemas', directory);
  expect(same).toMatchObject({
    code: 0,
    stdout: '0 versions registered, 0 entries of the taxonomy changed.\n',
  });

  const second = json('order_completed/2.json');
  const channel = { enum: ['web', 'shop'] };
  write('order_completed/3.json', { ...second, properties: { ...second.properties, channel } });
  taxonomy((text) => text.replace('active: 2', 'active: 3\n    deprecated: [1]'));
  const dry = await headgate('push', '--schemas', directory, '--dry-run');
  expect(dry.code).toBe(0);
  expect(dry.stdout).toContain("version 3 adds 'channel': nothing breaks");
  expect(dry.stdout).toContain('1 version would be registered. Nothing was pushed.');
  expect((await track(gate.url, { schema_version: 3 })).status).toBe(422);

  const pushed = await headgate('push', '--schemas', directory, '--json');
  expect(JSON.parse(pushed.stdout)).toMatchObject({
    pushed: true,
    versions: [{ event: 'order_completed', version: 3 }],
    entries: ['order_completed'],
    kept: [],
  });
  expect((await track(gate.url, {})).body['schema_version']).toBe(3);
  const list = await headgate('list');
  expect(list.stdout).toMatch(/^event\tversions\tcompatibility\tlast stored\tmode\n/);
  expect(list.stdout).toMatch(
    /^order_completed\t1 \(deprecated\), 2, 3 \(active\)\tforward\t20\d\d-\S+Z\tenforce$/m,
  );

  // Back, and forth again.
  const back = await headgate('activate', 'order_completed@2');
  expect(back.stdout).toContain("version 2 drops 'channel'");
  expect(back.stdout).toContain('order_completed is validated by version 2.');
  expect((await track(gate.url, {})).body['schema_version']).toBe(2);
  expect((await headgate('deprecate', 'order_completed@3')).stdout).toBe(
    'Producers of version 3 of order_completed are warned to send 2.\n',
  );
});

test('a change that is not allowed refuses the whole push', async () => {
  const { directory, json, write, taxonomy } = folder();
  const url = json('page_viewed/1.json');
  write('page_viewed/2.json', { ...url, required: [...url.required, 'title'] });
  taxonomy((text) => text.replace('A page was shown to a person.', 'Another text.'));
  const refused = await headgate('push', '--schemas', directory);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain(
    "version 2 makes 'title' required: producers on version 1 would be rejected",
  );
  expect(refused.stdout).toContain('Nothing was pushed.');
  expect((await headgate('list', '--json')).stdout).toContain('A page was shown to a person.');
  // The mode in the same push counts.
  taxonomy((text) => text.replace('    owner: web', '    owner: web\n    compatibility: forward'));
  expect(await headgate('push', '--schemas', directory)).toMatchObject({ code: 0 });

  write('invoice_paid/1.json', { type: 'object' });
  const rewritten = await headgate('push', '--schemas', directory);
  expect(rewritten.code).toBe(1);
  expect(rewritten.stdout).toContain('invoice_paid: version 1 was released and has changed since');
});

test('pushes a new event with all its versions, and keeps a removed event', async () => {
  const { directory, json, taxonomy } = folder();
  rmSync(path.join(directory, 'user_signed_up'), { recursive: true });
  taxonomy((text) =>
    text
      .replace('user_signed_up:', 'cart_viewed:')
      .replace('active: 1\n  page_viewed', 'active: 2\n    supersedes: { 2: [1] }\n  page_viewed'),
  );
  cpSync(path.join(directory, 'page_viewed'), path.join(directory, 'cart_viewed'), {
    recursive: true,
  });
  writeFileSync(
    path.join(directory, 'cart_viewed/2.json'),
    JSON.stringify({ ...json('page_viewed/1.json'), required: [] }),
  );
  const { code, stdout } = await headgate('push', '--schemas', directory);
  expect(stdout).toContain('cart_viewed: is new: no producer sends it yet');
  expect(stdout).toContain('In the registry and not in these files: user_signed_up. They stay.');
  expect(code).toBe(0);
  const viewed = { event_name: 'cart_viewed', properties: {}, schema_version: 1 };
  expect(await track(gate.url, viewed)).toMatchObject({ status: 202, body: { schema_version: 2 } });
});

test('reports a problem in one sentence', async () => {
  expect((await headgate('activate', 'order_completed')).code).toBe(2);
  const unknown = await headgate('activate', 'order_completed@99');
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain('order_completed has the versions 1, 2, 3.');
  await using plain = await startRealService({ yaml });
  const env = { HEADGATE_ADMIN_LISTEN: plain.adminUrl };
  const files = await runCli(['schemas', 'push'], { env });
  expect(files.code).toBe(1);
  expect(files.stderr).toContain('set schemas.source to registry there before you push');
});

test('a dry run is checked by the gate, as a push is', async () => {
  const { directory, json, write, taxonomy } = folder();
  const first = json('invoice_paid/1.json');
  const withProperty = (name: string, schema: object) => ({
    ...first,
    properties: { ...first.properties, [name]: schema },
  });
  // Several versions that build on each other, and an entry that names the last.
  write('invoice_paid/2.json', withProperty('note', { type: 'string' }));
  const third = withProperty('note', { type: 'string' });
  Object.assign(third.properties, { place: { type: 'string' } });
  write('invoice_paid/3.json', third);
  taxonomy((text) => text.replace(/(invoice_paid:[^]*?active: )1/, '$13'));
  const fine = await headgate('push', '--schemas', directory, '--dry-run', '--json');
  expect(fine).toMatchObject({ code: 0 });
  expect(JSON.parse(fine.stdout)).toMatchObject({
    pushed: false,
    versions: [{ version: 2 }, { version: 3 }],
    entries: ['invoice_paid'],
  });
  expect((await headgate('list')).stdout).toMatch(/^invoice_paid\t1 \(active\)\t/m);

  // This gate has no pii.hash_key, which the files do not say.
  Object.assign(third.properties, { place: { type: 'string', 'x-pii': 'hash' } });
  write('invoice_paid/3.json', third);
  for (const flags of [['--dry-run'], []]) {
    const refused = await headgate('push', '--schemas', directory, ...flags);
    expect(refused).toMatchObject({ code: 1, stdout: expect.not.stringContaining('would be') });
    expect(refused.stderr).toContain('Set pii.hash_key for every gate.');
  }
});

test('the same contracts are pushed by several at once, as by two deployments', async () => {
  const { directory, json, write, taxonomy } = folder();
  const first = json('order_completed/1.json');
  mkdirSync(path.join(directory, 'visit_completed'));
  write('visit_completed/1.json', first);
  taxonomy(
    (text) => `${text}  visit_completed: { owner: shop, active: 1, description: Pushed twice. }\n`,
  );
  const answers = await Promise.all([1, 2, 3].map(() => headgate('push', '--schemas', directory)));
  for (const answer of answers) expect(answer).toMatchObject({ code: 0, stderr: '' });
  expect((await headgate('list')).stdout).toMatch(/^visit_completed\t1 \(active\)/m);
});
