import { expect, test } from 'vitest';

import { prepareGate, until } from './gate-process.ts';
import { makeEvent, openTrackClient } from './steady-load.ts';
import { countRows, readMessageIds } from './stored-state.ts';
import { startWebhookReceiver } from './webhook-receiver.ts';

/** The receiver refuses events by their user. */
const isBad = (body: Buffer): boolean => body.includes('"u-bad"');

test('a dead letter by the real command line: list, show, replay, discard', async () => {
  const receiver = await startWebhookReceiver();
  receiver.answer = ({ body }) => (isBad(body) ? 422 : 204);
  await using gate = await prepareGate({
    yaml: (dataDir) =>
      'destinations:\n' +
      `  warehouse: { type: sqlite, path: "${dataDir}/warehouse.db" }\n` +
      `  crm:\n${receiver.yaml('{ attempts: 2, base: 10ms }')}`,
  });
  const run = await gate.start();
  const { client, close } = openTrackClient(gate.url);
  const users = ['u-1', 'u-bad', 'u-2', 'u-bad', 'u-3'];
  const { results } = await client.batchTrack({ events: users.map(makeEvent) });
  close();
  const ids = results.map((result) => result.eventId);

  const dead = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout, stderr } = await gate.headgate('dead', ...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const { deadLetters, reasons } = await until(
    () => dead('list', '--json'),
    ({ total }) => total === 2,
  );
  expect(reasons).toMatchObject([{ count: 2 }]);
  const listed = deadLetters as {
    id: string;
    destination: string;
    attempts: unknown[];
    event: { eventId: string };
  }[];
  expect(new Set(listed.map(({ event }) => event.eventId))).toEqual(new Set([ids[1], ids[3]]));
  for (const letter of listed) {
    expect(letter).toMatchObject({
      destination: 'crm',
      attempts: [{ status: '422' }, { status: '422' }],
    });
    expect(await dead('show', letter.id, '--json')).toMatchObject({ id: letter.id });
  }
  expect(receiver.taken).toEqual(new Set([ids[0], ids[2], ids[4]]));
  expect(countRows(gate.dataDir)).toBe(users.length);

  const [replayed, discarded] = listed;
  receiver.answer = () => 204;
  const fixed = await dead('fix', replayed!.id, '--set', 'context.note=mended', '--json');
  expect(fixed).toMatchObject({ id: replayed!.id, fixed: true });
  expect(await dead('replay', replayed!.id, '--json')).toMatchObject({
    replayed: [{ id: replayed!.id }],
  });
  await until(
    () => receiver.taken.size,
    (size) => size === 4,
  );
  expect(receiver.taken.has(replayed!.event.eventId)).toBe(true);
  expect(await dead('list', '--json')).toMatchObject({ deadLetters: [{ id: discarded!.id }] });
  expect(await dead('discard', discarded!.id, '--why', 'a test order', '--json')).toMatchObject({
    discarded: true,
  });
  expect(await dead('list', '--json')).toEqual({ deadLetters: [], total: 0, reasons: [] });
  const again = await gate.headgate('dead', 'replay', discarded!.id);
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toMatch(/^headgate: There is no dead letter crm:\d+\.[^\n]*\n$/);

  // Two attempts for each of the two, one replay, one for each of the others; the warehouse had
  // its five at first, and a replay to crm is none of its business.
  expect(receiver.counts()).toEqual({ requests: 3 + 2 * 2 + 1, forged: 0 });
  expect(countRows(gate.dataDir)).toBe(users.length);
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
});

test('a replay of many that kill -9 ends midway is run again for the rest: nothing twice', async () => {
  const receiver = await startWebhookReceiver();
  receiver.answer = () => 422;
  await using gate = await prepareGate({
    yaml: () => `destinations:\n  crm:\n${receiver.yaml('{ attempts: 1, base: 10ms }')}`,
  });
  const count = 60;
  const run = await gate.start();
  const { client, close } = openTrackClient(gate.url);
  await client.batchTrack({ events: Array.from({ length: count }, () => makeEvent('u-1')) });
  close();
  const total = async (): Promise<number> => {
    const { stdout } = await gate.headgate('dead', 'list', '--json', '--limit', '1');
    return stdout === '' ? -1 : (JSON.parse(stdout) as { total: number }).total;
  };
  await until(total, (found) => found === count);
  receiver.answer = () => 204;
  const replay = (...more: string[]) => gate.headgate('dead', 'replay', '--all', '--yes', ...more);
  const cut = replay('--rate', '10');
  await until(
    () => receiver.taken.size,
    (size) => size > 10,
  );
  run.kill('SIGKILL');
  await run.exit;
  expect(await cut).toMatchObject({ code: 1 });
  expect(receiver.taken.size).toBeLessThan(count);

  const again = await gate.start();
  expect(await replay()).toMatchObject({ code: 0 });
  expect(await total()).toBe(0);
  await until(
    () => receiver.taken.size,
    (size) => size === count,
  );
  const replays = await readMessageIds(gate.dataDir, 'REPLAY');
  expect(replays).toHaveLength(count);
  expect(new Set(replays).size).toBe(count);
  again.kill('SIGTERM');
  expect(await again.exit).toMatchObject({ code: 0 });
});
