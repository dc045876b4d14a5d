import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { asAdmin } from '../admin-token.ts';
import { runCli } from '../cli/run-cli.ts';
import { publishEvents, settled } from '../delivery/rig.ts';
import { startRealService } from '../real-service.ts';

test('an event that the log has lost is reported at the next start, by the metric, doctor and reconcile', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-lost-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const env = { HEADGATE_DATA_DIR: dataDir };
  const first = await startRealService({ env });
  await publishEvents(first.service.log, 20);
  await settled(first.service.log, 'warehouse');
  await clientsForTests(first.service.log).manager.streams.deleteMessage('EVENTS_0', 7);
  await first.stop();

  await using real = await startRealService({ env });
  const metrics = await fetch(`${real.adminUrl}/metrics`, asAdmin);
  expect(await metrics.text()).toContain('\nheadgate_log_missing_events 1\n');
  const doctor = await runCli(['doctor', '--admin', real.adminUrl], { env });
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(
    /FAILED +events +1 accepted events are gone from the log, and no deletion of them is recorded: 7 to 7, stored between /,
  );
  const reconcile = await runCli(['reconcile', '--since', '1h'], { env });
  expect(reconcile.code).toBe(1);
  expect(reconcile.stderr).toContain('the log has lost event 7, stored between ');
  expect(reconcile.stderr).toContain('The counts do not match: 1 lost by the log.');
  const json = await runCli(['reconcile', '--since', '1h', '--json'], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({ balanced: false, lost: [{ from: 7, to: 7 }] });
});
