import { expect, test } from 'vitest';

import { prepareGate, until } from './gate-process.ts';
import { makeEvent, openTrackClient } from './steady-load.ts';
import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { countRows, readMessageIds } from './stored-state.ts';

const { ACCEPTED, RETRY } = EventResult_Status;
const filler = { x: 'y'.repeat(4_000) };

// If the disk became fuller, the log's limit at the next start may be below its size.
test('a log above its new size limit loses nothing and accepts nothing', async () => {
  await using gate = await prepareGate({ env: { HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB' } });
  const { client, close } = openTrackClient(gate.url);
  const send = async (events: number): Promise<number[]> => {
    const batch = Array.from({ length: events }, () => ({ ...makeEvent('u-1'), context: filler }));
    const { results } = await client.batchTrack({ events: batch });
    return [...new Set(results.map((result) => Number(result.status)))];
  };
  const large = await gate.start();
  for (let sent = 0; sent < 24_000; sent += 800) expect(await send(800)).toEqual([ACCEPTED]);
  await until(
    () => countRows(gate.dataDir),
    (rows) => rows === 24_000,
  );
  large.kill('SIGTERM');
  await large.exit;

  const small = gate.spawn({ HEADGATE_LOG_STORAGE_BYTES_MAX: '64MiB' });
  const readiness = (): Promise<string> =>
    fetch(`http://${gate.adminListen}/readyz`).then((answer) => answer.text(), String);
  expect(await until(readiness, (text) => text.startsWith('not ready'))).toMatch(/EVENTS is full/);
  expect(
    await until(
      () => send(10).catch(() => []),
      (seen) => seen.length > 0,
    ),
  ).toEqual([RETRY]);
  expect(await readMessageIds(gate.dataDir, 'EVENTS')).toHaveLength(24_000);
  small.kill('SIGTERM');
  expect(await small.exit).toMatchObject({ code: 0 });

  const again = await gate.start();
  expect(await send(10)).toEqual([ACCEPTED]);
  expect(await readMessageIds(gate.dataDir, 'EVENTS')).toHaveLength(24_010);
  close();
  again.kill('SIGTERM');
  expect(await again.exit).toMatchObject({ code: 0 });
});
