import { expect, test } from 'vitest';

import type { Config } from '../config/config.ts';
import { checkDurability } from './check-nats.ts';
import { CheckFindings } from './finding.ts';

test('with async it says how much a power cut takes: as long as nats-server does not sync', async () => {
  const findings = new CheckFindings('durability');
  await checkDurability(findings, { durability: 'async' } as Config, undefined);
  expect(findings.all).toMatchObject([
    { level: 'warning', found: expect.stringContaining('may take the last two minutes') },
  ]);
});
