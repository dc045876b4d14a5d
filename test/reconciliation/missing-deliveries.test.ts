import { expect, test } from 'vitest';

import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import { readConfirmed, writeConfirmed } from '../../src/jetstream/integrity/confirmed-position.ts';
import { asAdmin } from '../admin-token.ts';
import { runCli } from '../cli/run-cli.ts';
import { startRealService } from '../real-service.ts';

test('a service confirms from its first event, and doctor reports what was missing', async () => {
  await using real = await startRealService();
  const { log } = real.service;
  const part = partsOf(log, 'EVENTS')[0]!;
  const position = await readConfirmed(log, part, 'warehouse');
  expect(position).toMatchObject({ upTo: 0, missing: 0 });
  const metrics = await fetch(`${real.adminUrl}/metrics`, asAdmin);
  expect(await metrics.text()).toContain(
    '\nheadgate_destination_missing_total{destination="warehouse"} 0\n',
  );
  const ask = () =>
    runCli(['doctor', '--admin', real.adminUrl], { env: { HEADGATE_DATA_DIR: real.dataDir } });
  expect((await ask()).stdout).toMatch(/delivered +the workers have found no event that was/);

  const lastFound = { events: 150, from: 21, to: 990, foundAtMs: Date.now() };
  const found = { upTo: 1_000, missing: 170, lastFound };
  expect(await writeConfirmed(log, part, 'warehouse', found, position!.revision)).toBe(true);
  // Another process that read the same position is too late.
  expect(await writeConfirmed(log, part, 'warehouse', found, position!.revision)).toBe(false);
  expect((await ask()).stdout).toMatch(
    /delivered +150 events \(170 in all\) were settled and not delivered to warehouse, between positions 21 and 990, found at .*Z\. They were delivered again/,
  );
  const old = { ...lastFound, foundAtMs: Date.now() - 8 * 86_400_000 };
  const { revision } = (await readConfirmed(log, part, 'warehouse'))!;
  await writeConfirmed(log, part, 'warehouse', { ...found, lastFound: old }, revision);
  expect((await ask()).stdout).toMatch(/delivered +the workers have found no event that was/);
});
