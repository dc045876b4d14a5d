import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { errorTable } from '../../src/errors.ts';
import { runCli } from '../cli/run-cli.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { publishEvents, until } from './rig.ts';
import { asAdmin } from '../admin-token.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

interface Told {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly waiting: string;
  readonly delivered: string;
  readonly dead: string;
  readonly since?: string;
  readonly nextProbe?: string;
  readonly oldestWaiting?: string;
}

async function ask({ adminUrl }: RealService, ...args: string[]) {
  return runCli(['destinations', '--admin', adminUrl, ...args]);
}

async function tell(service: RealService): Promise<Record<string, Told>> {
  const { stdout } = await ask(service, '--json');
  const told = JSON.parse(stdout) as Told[];
  return Object.fromEntries(told.map((one) => [one.name, one]));
}

test('headgate destinations shows each status, and removes an unconfigured one', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-destinations-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const far = await startHttpServer((_request, response) => response.writeHead(503).end());
  const gone = await startHttpServer((_request, response) => response.writeHead(410).end());
  const old = `old: { type: webhook, url: "http://127.0.0.1:${gone.port}/x", secret: "${secret}", allow_private_addresses: true }`;
  const warehouse = `warehouse: { type: sqlite, path: ${path.join(dataDir, 'w.db')} }`;
  const crm = `crm: { type: webhook, url: "http://127.0.0.1:${far.port}/x", secret: "${secret}", allow_private_addresses: true }`;
  const start = (...destinations: string[]): Promise<RealService> =>
    startRealService({
      env: { HEADGATE_DATA_DIR: dataDir },
      yaml: `destinations:\n${destinations.map((one) => `  ${one}\n`).join('')}`,
    });

  {
    await using real = await start(warehouse, crm, old);
    const before = Date.now();
    await publishEvents(real.service.log, 20);
    const told = await until(
      () => tell(real),
      (all) =>
        all['crm']!.state === 'PARKED' &&
        all['old']!.state === 'DISABLED' &&
        all['warehouse']!.delivered === '20',
      20_000,
    );
    expect(told['warehouse']).toMatchObject({ state: 'RUNNING', waiting: '0', dead: '0' });
    expect(told['warehouse']!.oldestWaiting).toBeUndefined();
    expect(told['crm']).toMatchObject({
      waiting: '20',
      delivered: '0',
      reason: expect.stringContaining('503'),
    });
    expect(Date.parse(told['crm']!.since!)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(told['crm']!.oldestWaiting!)).toBeGreaterThanOrEqual(before - 1);
    expect(told['old']).toMatchObject({ waiting: '20', reason: expect.stringContaining('410') });
    expect(told['old']!.nextProbe).toBeUndefined();
    const { stdout } = await ask(real);
    expect(stdout).toMatch(/^name\ttype\tstate\twaiting\toldest\tdelivered\tdead\twhy\n/);
    expect(stdout).toMatch(/^old\twebhook\tdisabled\t20\t.*410.*; for /m);
    expect(stdout).toMatch(/^warehouse\tsqlite\trunning\t0\t-\t20\t0\t-$/m);
    expect(stdout).toMatch(
      /^crm\twebhook\tparked\t20\t\d+m?s\t0\t0\t.*503.*; for .*; (next try in|trying now)/m,
    );
    expect(stdout + JSON.stringify(told)).not.toContain(secret);

    const metrics = await (await fetch(`${real.adminUrl}/metrics`, asAdmin)).text();
    const disabled = metrics.match(/^headgate_destination_disabled\{.*$/gm);
    expect(disabled?.toSorted()).toEqual([
      'headgate_destination_disabled{destination="crm"} 0',
      'headgate_destination_disabled{destination="old"} 1',
      'headgate_destination_disabled{destination="warehouse"} 0',
    ]);

    const refused = await ask(real, 'remove', 'crm', '--yes');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('crm is in the configuration');
    expect(refused.stderr).toContain(errorTable.destination_in_use.text);
  }

  await gone.close();
  await using real = await start(warehouse, old);
  expect((await tell(real))['crm']).toMatchObject({ state: 'REMOVED', waiting: '20' });
  expect((await ask(real)).stderr).toContain('headgate destinations remove');
  const unsure = await ask(real, 'remove', 'crm');
  expect(unsure).toMatchObject({ code: 2, stdout: '' });
  expect(unsure.stderr).toContain(
    'Forget crm, and the 20 events that wait for it? There is no terminal to ask on: add --yes',
  );
  expect(await ask(real, 'remove', 'crm', '--yes')).toMatchObject({
    code: 0,
    stdout: 'removed crm, for which 20 events waited\n',
  });
  expect(Object.keys(await tell(real))).toEqual(['warehouse', 'old']);
  const { stderr } = await ask(real, 'remove', 'crm', '--yes');
  expect(stderr).toContain('has a consumer position in the log');
  expect(stderr).toContain(errorTable.destination_not_found.text);
  await far.close();
});
