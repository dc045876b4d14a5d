import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { layoutDefault, readLayout, writeLayout } from '../../src/jetstream/events/layout.ts';
import {
  requestPartitions,
  waitForPartitions,
} from '../../src/jetstream/server/partitions/change-partitions.ts';
import { prepareGate } from '../crash/gate-process.ts';
import { until } from '../delivery/rig.ts';
import { freeze } from '../frozen-process.ts';
import { startRealLog } from '../real-log.ts';

test('the command shows and changes the partitions, and says what it does not do', async () => {
  await using gate = await prepareGate();
  const away = await gate.headgate('partitions', 'show');
  expect(away.code).toBe(1);
  expect(away.stderr).toContain('No Headgate is running');
  await gate.start();
  const refused = await gate.headgate('partitions', 'set', '33', '--yes');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('Give a number from 1 to 32.');
  const unsure = await gate.headgate('partitions', 'set', '2');
  expect(unsure.code).toBe(2);
  expect(unsure.stderr).toContain('There is no terminal to ask on: add --yes');
  const same = await gate.headgate('partitions', 'set', '1');
  expect(same).toMatchObject({ code: 0, stdout: 'The log has 1 partition already.\n' });
  const changed = await gate.headgate('partitions', 'set', '2', '--yes');
  expect(changed).toMatchObject({ code: 0, stdout: 'The log has 2 partitions now.\n' });
  const shown = await gate.headgate('partitions', 'show');
  expect(shown.stdout.split('\n').map((line) => line.split('\t').slice(0, 4).join(' '))).toEqual([
    'stream state events bytes',
    'EVENTS_0 closed 0 0',
    'EVENTS_1 open 0 0',
    'EVENTS_2 open 0 0',
    '',
  ]);
  const doctor = await gate.headgate('doctor');
  expect(doctor.stdout).toContain('the log has 2 partitions, and log.partitions is 1');
}, 120_000);

test('a log that stops while a change is completed: says that the change is stored', async () => {
  await using gate = await prepareGate();
  const run = await gate.start();
  await freeze(run.processId);
  const answer = gate.headgate('partitions', 'set', '2', '--yes');
  const shown = async () => (await gate.headgate('partitions', 'show')).stderr;
  await until(shown, (stderr) => stderr.includes('is being completed'), 20_000);
  run.kill('SIGKILL');
  for (const server of gate.servers()) process.kill(server, 'SIGKILL');
  const { code, stderr } = await answer;
  expect(code).toBe(1);
  expect(stderr).toContain(
    'The change to 2 partitions is stored. A gate or worker completes it by itself as soon as one runs. ' +
      'See whether it is completed: headgate partitions show',
  );
  await gate.start();
  await until(
    async () => (await gate.headgate('partitions', 'show')).stdout,
    (shownNow) => shownNow.includes('EVENTS_2\topen'),
    20_000,
  );
}, 120_000);

test('a change is refused while another one is not completed, and where numbers have run out', async () => {
  await using real = await startRealLog();
  const { manager } = clientsForTests(real.log);
  const closed = [Array.from({ length: 250 }, (_one, index) => index + 1)];
  expect(await writeLayout(manager, { ...layoutDefault, closed }, 0)).toBe(true);
  expect(await requestPartitions(real.log, 8)).toBe('exhausted');
  const { layout, sequence } = await readLayout(manager);
  expect(await writeLayout(manager, { ...layout, closed: [] }, sequence)).toBe(true);
  expect(await requestPartitions(real.log, 8)).toBeUndefined();
  expect(await requestPartitions(real.log, 4)).toBe('unfinished');
  expect(await waitForPartitions(real.log, 20_000)).toBe(true);
  // Somebody else was faster.
  expect(await writeLayout(manager, layoutDefault, sequence)).toBe(false);
});
