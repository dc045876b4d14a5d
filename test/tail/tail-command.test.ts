import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect, onTestFinished, test } from 'vitest';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { subscribersMax } from '../../src/tail/tail.ts';
import { collect, runCli, spawnCli, type CliAnswer } from '../cli/run-cli.ts';
import { publishEvents } from '../delivery/rig.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { order } from '../endpoints/sample-events.ts';
import { withAdminToken } from '../admin-token.ts';

async function send(gate: OpenGate, event: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await fetch(`${gate.url}/v1/track`, { method: 'POST', headers, body: JSON.stringify(event) });
}

interface Watching {
  readonly child: ChildProcess;
  readonly ended: Promise<CliAnswer>;
}

/** Starts the command and waits until it has subscribed. */
async function watch(gate: OpenGate, ...args: string[]): Promise<Watching> {
  const child = spawnCli(['tail', '--admin', gate.real.adminUrl, ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = collect(child);
  await once(child.stderr!, 'data');
  return { child, ended };
}

const json = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

test('headgate tail shows new accepted and rejected events, and no earlier ones', async () => {
  await using gate = await openGate();
  await send(gate, order({ user_id: 'before' }));
  const all = await watch(gate, '--count', '3', '--json');
  const refused = await watch(gate, '--count', '1', '--verdict', 'rejected', '--event', 'parcel_*');
  await send(gate, order({ user_id: 'u-1' }));
  await send(gate, order({ user_id: 'null' }));
  await send(gate, order({ event_name: 'parcel_paid\u001b[2J' }));
  await send(gate, order({ event_name: 'parcel_paid' }));

  const seen = await all.ended;
  expect(seen.code).toBe(0);
  expect(json(seen.stdout)).toHaveLength(3);
  expect(json(seen.stdout)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        verdict: 'accepted',
        source: 'default',
        event_name: 'order_completed',
        event: expect.objectContaining({ userId: 'u-1' }),
      }),
      expect.objectContaining({
        verdict: 'rejected',
        error: expect.objectContaining({ code: 'missing_identity' }),
        sent: expect.stringContaining('"user_id":"null"'),
      }),
    ]),
  );
  expect(seen.stdout).not.toContain('"before"');
  const line = await refused.ended;
  expect(line.stdout).toMatch(
    /^\S+Z\trejected\tdefault\tparcel_paid ?\S*\t-\t[0-9a-f-]{36}\t\w+: /,
  );
  expect(line.stdout).not.toContain('\u001b');
});

test('headgate tail --source shows the accepted and the rejected events of the source', async () => {
  await using gate = await openGate();
  const own = await watch(gate, '--count', '2', '--source', 'def*', '--json');
  const others = await watch(gate, '--count', '1', '--source', 'shop', '--json');
  await send(gate, order({ user_id: 'u-1' }));
  await send(gate, order({ user_id: 'null' }));
  const { stdout } = await own.ended;
  expect(json(stdout)).toMatchObject(
    expect.arrayContaining([
      expect.objectContaining({ verdict: 'accepted', source: 'default' }),
      expect.objectContaining({ verdict: 'rejected', source: 'default' }),
    ]),
  );
  others.child.kill('SIGINT');
  expect((await others.ended).stdout).toBe('');
});

test('headgate tail counts omitted events, and ends on SIGINT or with the gate', async () => {
  await using gate = await openGate();
  const { log } = gate.real.service;
  const quiet = await watch(gate, '--event', 'never_*');
  const busy = await watch(gate, '--json', '--source', 'shop');
  const out: string[] = [];
  busy.child.stdout!.on('data', (text: string) => out.push(text));
  // Nothing reads meanwhile, so the pipe fills up long before the last event.
  await publishEvents(log, 20_000);
  const read = (): { left_out?: number }[] => json(out.join('')) as { left_out?: number }[];
  await expect
    .poll(() => out.join('').includes('left_out') && out.join('').endsWith('\n'), {
      timeout: 60_000,
    })
    .toBe(true);
  await expect
    .poll(() => read().reduce((sum, { left_out: count = 1 }) => sum + count, 0), {
      timeout: 60_000,
    })
    .toBe(20_000);
  busy.child.kill('SIGINT');
  expect((await busy.ended).code).toBe(0);
  await gate.real.stop();
  const gone = await quiet.ended;
  expect(gone).toMatchObject({ code: 1, stdout: '' });
  expect(gone.stderr).toContain('headgate: The gate has gone away.');
});

test('a subscriber above the limit is refused until another one leaves', async () => {
  await using gate = await openGate();
  const transport = createConnectTransport({
    baseUrl: gate.real.adminUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  const client = createClient(TailService, transport);
  const leaving: AbortController[] = [];
  const begin = async (): Promise<void> => {
    const controller = new AbortController();
    const answers = client.tail({}, { signal: controller.signal })[Symbol.asyncIterator]();
    expect((await answers.next()).value).toMatchObject({ what: { case: 'started' } });
    answers.next().catch(() => {});
    leaving.push(controller);
  };
  for (let count = 0; count < subscribersMax; count += 1) await begin();
  const one = await runCli(['tail', '--admin', gate.real.adminUrl]);
  expect(one).toMatchObject({ code: 1, stdout: '' });
  expect(one.stderr).toContain(`${subscribersMax} callers already follow the events`);
  leaving.pop()!.abort();
  await expect
    .poll(
      () =>
        begin().then(
          () => true,
          () => false,
        ),
      { timeout: 30_000 },
    )
    .toBe(true);
  for (const controller of leaving) controller.abort();

  const duplicates = client.tail({ status: EventResult_Status.DUPLICATE })[Symbol.asyncIterator]();
  await expect(duplicates.next()).rejects.toThrow(/callers already follow|ACCEPTED or REJECTED/);
});
