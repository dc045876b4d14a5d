import { expect, test } from 'vitest';

import {
  DestinationFate_State as State,
  EventService,
  type DestinationFate,
} from '../../gen/headgate/v1/event_service_pb.ts';
import { RedeliveryService } from '../../gen/headgate/v1/redelivery_service_pb.ts';
import { connect } from '../audit/audit-rig.ts';
import { runCli } from '../cli/run-cli.ts';
import { until } from '../delivery/rig.ts';
import { many, startRig, storeEvents } from './redelivery-rig.ts';

const waitMs = 40_000;

test('headgate trace shows an event that waits in the lane of a redelivery', async () => {
  await using rig = await startRig({ crm: 'concurrency: 1' });
  const { real, log } = rig;
  const ids = await storeEvents(log, many(3));
  await rig.settled();
  const last = ids[2]!;
  const fateAt = async (destination: string): Promise<DestinationFate> => {
    const { events } = await connect(real, EventService).locate({ id: last });
    const { place } = events[0]!;
    if (place.case !== 'stored') throw new Error('the event is not stored');
    return place.value.destinations.find((one) => one.destination === destination)!;
  };
  expect((await fateAt('crm')).redelivery).toBeUndefined();

  // The destination is away, so that the copies wait.
  await rig.far.close();
  const service = connect(real, RedeliveryService);
  const { redelivery } = await service.startRedelivery({ selection: { destination: 'crm' } });
  const { id } = redelivery!;
  const fate = await until(
    () => fateAt('crm'),
    (found) => found.redelivery !== undefined,
    waitMs,
  );
  expect(fate).toMatchObject({ state: State.DELIVERED, redelivery: { id } });
  expect(Number(fate.redelivery!.copiedAt!.seconds)).toBeGreaterThan(1_700_000_000);
  expect((await fateAt('warehouse')).redelivery).toBeUndefined();
  const { stdout } = await runCli(['trace', '--admin', real.adminUrl, last]);
  expect(stdout).toMatch(/^ {2}crm .*delivered, /m);
  expect(stdout).toMatch(
    new RegExp(`^ {2}crm .*waits to be sent again by redelivery ${id}: .*redeliver follow`, 'm'),
  );

  await service.cancelRedelivery({ id });
  await until(
    () => fateAt('crm'),
    (found) => found.redelivery === undefined,
    waitMs,
  );
}, 100_000);

test('headgate trace shows that a redelivery has sent an event again, if its selection says so', async () => {
  await using rig = await startRig({ crm: 'concurrency: 1' });
  const { real, log } = rig;
  const ids = await storeEvents(log, many(2));
  await rig.settled();
  const service = connect(real, RedeliveryService);
  const redeliver = async (selection: object): Promise<string> => {
    const started = await service.startRedelivery({
      selection: { destination: 'crm', ...selection },
    });
    const { id } = started.redelivery!;
    await until(
      async () => (await service.listRedeliveries({})).redeliveries.find((one) => one.id === id)!,
      ({ endedAt }) => endedAt !== undefined,
      waitMs,
    );
    return id;
  };
  const fateOf = async (): Promise<DestinationFate> => {
    const { events } = await connect(real, EventService).locate({ id: ids[0]! });
    const { place } = events[0]!;
    if (place.case !== 'stored') throw new Error('the event is not stored');
    return place.value.destinations.find((one) => one.destination === 'crm')!;
  };
  expect((await fateOf()).redelivered).toBeUndefined();
  const id = await redeliver({ eventName: 'order_*' });
  const { redelivered } = await fateOf();
  expect(redelivered).toMatchObject({ id, endedAt: expect.anything() });
  const { stdout } = await runCli(['trace', '--admin', real.adminUrl, ids[0]!]);
  expect(stdout).toMatch(new RegExp(`^ {2}crm .*sent again by redelivery ${id}, `, 'm'));
  await redeliver({ eventName: 'invoice_*' });
  expect((await fateOf()).redelivered).toBeUndefined();
  // Whose events were sent is not kept.
  await redeliver({ user: 'someone-else' });
  expect((await fateOf()).redelivered).toBeUndefined();
}, 100_000);
