import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { killHard, prepareGate, until } from './gate-process.ts';
import { makeEvent, openTrackClient, startLoad } from './steady-load.ts';
import { countRows, readWarehouse } from './stored-state.ts';
import { startWebhookReceiver } from './webhook-receiver.ts';

/** HEADGATE_SHUTDOWN_GRACE of prepareGate, plus one second for nats-server to write its state. */
const stopMsMax = 4_000;

describe('SIGTERM', () => {
  test.each(['', ' just after nats-server was killed'])('under load%s', async (killed) => {
    await using gate = await prepareGate();
    const run = await gate.start();
    await using load = startLoad(gate.url, { lanes: 8, batchEvents: 50, pauseMs: 20 });
    await sleep(1_000);
    await load.nextAcknowledgement();
    if (killed !== '') {
      for (const processId of gate.servers()) killHard(processId);
      await sleep(30);
    }
    const startedAt = performance.now();
    run.kill('SIGTERM');
    const { code } = await run.exit;
    const stopMs = performance.now() - startedAt;
    const acknowledged = load.acknowledged.size;
    console.log(`stopped in ${Math.round(stopMs)} ms, ${acknowledged} events acknowledged`);
    expect(code).toBe(0);
    expect(stopMs).toBeLessThan(stopMsMax);
    expect(gate.servers()).toEqual([]);

    const second = await gate.start();
    await load.finish();
    const ids = new Set(load.acknowledged.values());
    expect(ids.size).toBe(load.sent.size);
    await until(
      () => countRows(gate.dataDir),
      (rows) => rows >= ids.size,
      60_000,
    );
    const { rows, integrity } = readWarehouse(gate.dataDir);
    expect(integrity).toBe('ok');
    expect(new Set(rows.keys())).toEqual(ids);
    second.kill('SIGTERM');
    expect(await second.exit).toMatchObject({ code: 0 });
    expect(gate.servers()).toEqual([]);
  });

  test('a second time cuts off a hanging call and leaves no nats-server', async () => {
    const receiver = await startWebhookReceiver();
    receiver.answer = () => undefined;
    await using gate = await prepareGate({
      env: { HEADGATE_SHUTDOWN_GRACE: '30s', HEADGATE_DESTINATIONS_CRM_TIMEOUT: '60s' },
      yaml: () => `destinations:\n  crm:\n${receiver.yaml('{ attempts: 2 }')}`,
    });
    const run = await gate.start();
    const { client, close } = openTrackClient(gate.url);
    await client.batchTrack({ events: [makeEvent('u-1')] });
    close();
    await until(
      () => receiver.counts().requests,
      (requests) => requests > 0,
    );
    run.kill('SIGTERM');
    await sleep(1_200);
    expect(gate.servers()).toHaveLength(1);
    run.kill('SIGTERM');
    expect(await run.exit).toMatchObject({ code: 1 });
    await until(gate.servers, (servers) => servers.length === 0, 5_000);
  });
});
