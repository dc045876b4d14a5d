import { expect, test } from 'vitest';

import { RedeliveryService } from '../../gen/headgate/v1/redelivery_service_pb.ts';
import { connect } from '../audit/audit-rig.ts';
import { runCli } from '../cli/run-cli.ts';
import { until } from '../delivery/rig.ts';
import { many, startRig, storeEvents } from './redelivery-rig.ts';

interface Fate {
  readonly destination: string;
  readonly state: string;
  readonly redelivery?: {
    readonly id: string;
    readonly copiedAt: string;
    readonly inWork?: boolean;
    readonly ahead?: string;
  };
}

test('headgate trace shows an event that waits in the lane of a redelivery', async () => {
  await using rig = await startRig({ crm: 'concurrency: 1' });
  const { real, log } = rig;
  const ids = await storeEvents(log, many(3));
  await rig.settled();
  const trace = (id: string, ...args: string[]) =>
    runCli(['trace', '--admin', real.adminUrl, id, ...args]);
  const fatesOf = async (id: string): Promise<readonly Fate[]> => {
    const { stdout } = await trace(id, '--json');
    const { events } = JSON.parse(stdout) as { events: { stored: { destinations: Fate[] } }[] };
    return events[0]!.stored.destinations;
  };
  const atCrm = async (id: string) => (await fatesOf(id)).find((one) => one.destination === 'crm')!;
  expect((await atCrm(ids[2]!)).redelivery).toBeUndefined();

  // The destination is away, so that the copies wait.
  await rig.far.close();
  const service = connect(real, RedeliveryService);
  const { redelivery } = await service.startRedelivery({ selection: { destination: 'crm' } });
  const { id } = redelivery!;
  const last = await until(
    () => atCrm(ids[2]!),
    (fate) => fate.redelivery !== undefined,
    20_000,
  );
  expect(last).toMatchObject({ state: 'DELIVERED', redelivery: { id } });
  expect(Date.parse(last.redelivery!.copiedAt)).toBeGreaterThan(0);
  const { stdout } = await trace(ids[2]!);
  expect(stdout).toMatch(/^ {2}crm .*delivered, /m);
  expect(stdout).toMatch(
    new RegExp(`^ {2}crm .*waits to be sent again by redelivery ${id}: .*redeliver follow`, 'm'),
  );
  expect((await fatesOf(ids[2]!)).filter((one) => one.redelivery)).toHaveLength(1);

  await service.cancelRedelivery({ id });
  await until(
    () => atCrm(ids[2]!),
    (fate) => fate.redelivery === undefined,
    20_000,
  );
}, 60_000);
