import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { runCli } from '../cli/run-cli.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { asAdmin } from '../admin-token.ts';
import { publishEvents, settled, until } from './rig.ts';

async function folder(): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-transform-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  return dataDir;
}

const start = (dataDir: string, transform: string, more = ''): Promise<RealService> =>
  startRealService({
    env: { HEADGATE_DATA_DIR: dataDir },
    yaml: `destinations:\n  warehouse:\n    type: sqlite\n    path: ${path.join(dataDir, 'w.db')}\n    transform: ${transform}\n${more}`,
  });

function rowsOf(dataDir: string): { event_name: string; properties: string; user_id: string }[] {
  const warehouse = new DatabaseSync(path.join(dataDir, 'w.db'), { readOnly: true });
  onTestFinished(() => warehouse.close());
  return warehouse.prepare('SELECT * FROM events ORDER BY event_name').all() as never;
}

const metricsOf = async ({ adminUrl }: RealService): Promise<string> =>
  (await fetch(`${adminUrl}/metrics`, asAdmin)).text();

test('a transform changes and filters events, and reconciliation knows which it filtered', async () => {
  const dataDir = await folder();
  const expression =
    '\'event_name = "page_viewed" ? null : $merge([$, { "properties": { "cents": properties.total * 100 } }])\'';
  await using real = await start(dataDir, expression);
  const { log } = real.service;
  await publishEvents(log, 40);
  const filtered = await publishEvents(log, 60, { eventName: 'page_viewed' });
  await settled(log, 'warehouse');
  const rows = rowsOf(dataDir);
  expect(rows).toHaveLength(40);
  expect(rows.every(({ properties }) => properties === '{"cents":1250}')).toBe(true);

  const env = { HEADGATE_DATA_DIR: dataDir };
  const yaml = path.join(dataDir, 'headgate.yaml');
  await writeFile(
    yaml,
    `destinations:\n  warehouse: { type: sqlite, path: ${path.join(dataDir, 'w.db')} }\n`,
  );
  const { stderr, stdout, code } = await runCli(['reconcile', '--config', yaml], { env });
  expect(stderr).toContain('The counts match.');
  expect(code).toBe(0);
  expect(stdout).toMatch(/\tpage_viewed\t60\twarehouse\t0\t0\t0\t0\t60\t0\t0\n/);

  const traced = await runCli(['trace', filtered[0]!, '--admin', real.adminUrl]);
  expect(traced.stdout).toContain('not wanted');
  const metrics = await metricsOf(real);
  expect(metrics).toContain(
    'headgate_transforms_total{destination="warehouse",outcome="changed"} 40',
  );
  expect(metrics).toContain(
    'headgate_transforms_total{destination="warehouse",outcome="filtered"} 60',
  );
});

test('an event on which the transform fails is a dead letter with the reason, and a replay delivers it', async () => {
  const dataDir = await folder();
  const script = path.join(dataDir, 'change.js');
  const write = (text: string) => writeFile(script, `export default ${text};\n`);
  await write(
    '(event) => { if (event.properties.total > 12) throw new Error("too much"); return event; }',
  );
  {
    await using real = await start(dataDir, `\n      script: ${script}`);
    const { log } = real.service;
    await publishEvents(log, 3);
    await publishEvents(log, 2, { properties: '{"total":1}' });
    await settled(log, 'warehouse');
    expect(rowsOf(dataDir)).toHaveLength(2);
    const { stdout } = await runCli(['dead', 'list', '--admin', real.adminUrl]);
    expect(stdout.match(/too much/g)).toHaveLength(3);
  }
  await write('(event) => ({ ...event, user_id: "u2" })');
  await using again = await start(dataDir, `\n      script: ${script}`);
  const replayed = await runCli(['dead', 'replay', '--all', '--yes', '--admin', again.adminUrl]);
  expect(replayed.code).toBe(0);
  const rows = await until(
    () => rowsOf(dataDir),
    (all) => all.length === 5,
  );
  expect(rows.filter(({ user_id: user }) => user === 'u2')).toHaveLength(3);
});

test('a transform that cannot run stops the start, and names its setting', async () => {
  const dataDir = await folder();
  await expect(start(dataDir, '"properties.("')).rejects.toThrow(
    /^destinations\.warehouse\.transform: the transform is not JSONata/,
  );
  await expect(start(dataDir, `\n      script: ${dataDir}/absent.js`)).rejects.toThrow(
    /^destinations\.warehouse\.transform\.script: .*absent\.js cannot be read \(ENOENT\)/,
  );
});

test('headgate transform try shows stored events before and after', async () => {
  const dataDir = await folder();
  await using real = await start(dataDir, '"null"');
  await publishEvents(real.service.log, 5);
  await publishEvents(real.service.log, 5, { eventName: 'page_viewed' });
  const yaml = path.join(dataDir, 'headgate.yaml');
  await writeFile(
    yaml,
    'destinations:\n  warehouse:\n    type: sqlite\n    path: w.db\n    transform: \'event_name = "page_viewed" ? null : properties.total > 12 ? { "user_id": "u9" } : $\'\n',
  );
  const env = { HEADGATE_DATA_DIR: dataDir };
  const args = ['transform', 'try', '--destination', 'warehouse', '--config', yaml];
  const shown = await runCli(args, { env });
  expect(shown.code).toBe(0);
  expect(shown.stderr).toContain('10 events: 5 changed, 0 unchanged, 5 filtered, 0 failed');
  expect(shown.stdout).toContain(
    '  - /user_id "u1"\n  - /properties/total 12.5\n  + /user_id "u9"\n',
  );
  const json = await runCli([...args, '--json', '--limit', '1'], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({
    result: 'changed',
    before: { event_name: 'order_completed', user_id: 'u1' },
    after: { event_name: 'order_completed', user_id: 'u9' },
  });
  const wrong = await runCli(['transform', 'try', '--destination', 'crm', '--config', yaml], {
    env,
  });
  expect(wrong.stderr).toMatch(/crm is not a destination of the configuration: warehouse/);
  expect(wrong.code).toBe(1);
});

test('headgate transform try shows the request of an http destination, without its credentials', async () => {
  const dataDir = await folder();
  await using real = await start(dataDir, '"null"');
  await publishEvents(real.service.log, 2);
  await publishEvents(real.service.log, 1, { eventName: 'page_viewed' });
  const yaml = path.join(dataDir, 'headgate.yaml');
  const write = (more: string) =>
    writeFile(
      yaml,
      `destinations:
  crm:
    type: http
    url: "https://crm.example/people/{/user_id}?key=query-secret"
    method: PUT
    bearer_token: bearer-secret
    headers: "X-Api-Key: header-secret"
    ${more}
`,
    );
  const args = ['transform', 'try', '--destination', 'crm', '--config', yaml];
  const run = (...more: string[]) =>
    runCli([...args, ...more], { env: { HEADGATE_DATA_DIR: dataDir } });

  // A body alone, without a transform.
  const body = `body: '{ "total": properties.total, "echo": "header-secret" }'`;
  await write(body);
  const plain = await run();
  expect(plain.stderr).toContain('3 events: 0 changed, 3 unchanged, 0 filtered, 0 failed');
  expect(plain.code).toBe(0);
  expect(plain.stdout).toContain(
    ': unchanged\n  > PUT https://crm.example/people/u1?***\n  {"total":12.5,"echo":"***"}\n',
  );
  // Before, after the transform, and the request.
  await write(
    `${body}\n    transform: 'event_name = "page_viewed" ? null : $merge([$, { "properties": { "total": 7 } }])'`,
  );
  const lines = (await run('--json')).stdout.trim().split('\n');
  const shown = lines.map((line) => JSON.parse(line) as object);
  expect(shown[0]).toMatchObject({
    result: 'changed',
    before: { properties: { total: 12.5 } },
    after: { properties: { total: 7 } },
    request: {
      method: 'PUT',
      url: 'https://crm.example/people/u1?***',
      body: '{"total":7,"echo":"***"}',
    },
  });
  expect(shown[2]).toEqual({ result: 'filtered', before: expect.any(Object) as object });
  expect(lines.join()).not.toMatch(/(query|bearer|header)-secret/);
  // What the api could not get.
  await write(`body: 'properties.absent'`);
  const absent = await run();
  expect(absent.stdout).toContain('  no request: body: ');
  expect(absent.stderr).toContain('3 make no request, and would become dead letters');
  expect(absent.code).toBe(1);
});
