import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { createStreamGauges } from '../../src/jetstream/read/stream-gauges.ts';
import { streamNames } from '../../src/jetstream/topology.ts';
import { publishEvents } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

test('reports size and limit of every stream, and keeps them when the log is closed', async () => {
  await using real = await startRealLog();
  const sizes = new Map<string, { bytes: number; bytesMax: number }>();
  const gauges = createStreamGauges({
    log: real.log,
    onSize: (stream, bytes, bytesMax) => sizes.set(stream, { bytes, bytesMax }),
  });
  await clientsForTests(real.log).manager.streams.add({
    name: 'OF_OTHERS',
    subjects: ['others.>'],
  });
  await publishEvents(real.log, 10);
  await gauges.start();
  await gauges.stop();
  const expected = streamNames.filter((name) => name !== 'KV_headgate_schemas');
  expect([...sizes.keys()].toSorted()).toEqual([...expected].toSorted());
  expect(sizes.get('EVENTS')!.bytes).toBeGreaterThan(1000);
  expect(sizes.get('EVENTS')!.bytesMax).toBeGreaterThan(100 * 1024 * 1024);
  expect(sizes.get('DEAD')).toMatchObject({ bytes: 0 });

  const before = new Map(sizes);
  await real.log.close();
  await gauges.update();
  expect(sizes).toEqual(before);
});
