import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { freePort, prepareGate, until } from './gate-process.ts';
import { startLoad } from './steady-load.ts';

describe('a start that fails', () => {
  test('on a data directory in use: prints one sentence and does not harm the owner', async () => {
    await using gate = await prepareGate();
    const run = await gate.start();
    await using load = startLoad(gate.url, { lanes: 2, batchEvents: 50, pauseMs: 20 });
    const other = gate.spawn({
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
    });
    const { code, stderr } = await other.exit;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^headgate: The data directory \\S+ is held by .*process ${run.processId}.*\\n$`),
    );
    expect(gate.servers()).toHaveLength(1);
    const { retries, failures } = load.counts();
    await load.nextAcknowledgement();
    await load.finish();
    expect({ retries, failures }).toEqual({ retries: 0, failures: 0 });
    expect(load.acknowledged.size).toBe(load.sent.size);
    run.kill('SIGTERM');
    expect(await run.exit).toMatchObject({ code: 0 });
  });

  test.each(['HEADGATE_LISTEN', 'HEADGATE_ADMIN_LISTEN'])(
    'on a %s in use: prints one sentence and leaves no process running',
    async (setting) => {
      await using gate = await prepareGate();
      const run = await gate.start();
      await using other = await prepareGate();
      const address = setting === 'HEADGATE_LISTEN' ? new URL(gate.url).host : gate.adminListen;
      const { code, stderr } = await other.spawn({ [setting]: address }).exit;
      expect(code).toBe(1);
      expect(stderr).toMatch(new RegExp(`^headgate: \\S+ is in use by .*${setting}\\.\\n$`));
      expect(other.servers()).toEqual([]);
      run.kill('SIGTERM');
      expect(await run.exit).toMatchObject({ code: 0 });
    },
  );

  test.each([
    ['has no JetStream', [], /does not offer JetStream: .*-js/],
    [
      'has too small a disk',
      ['-js'],
      /The stream \w+ cannot be created: insufficient storage.*log\.storage_bytes_max/,
    ],
  ])('on a NATS that %s: prints one sentence and exits', async (_what, args, sentence) => {
    await using gate = await prepareGate();
    const port = await freePort();
    const store = path.join(gate.dataDir, 'other');
    const configFile = path.join(gate.dataDir, 'other.conf');
    writeFileSync(configFile, args.length === 0 ? '' : `jetstream { max_file_store: 1MB }\n`);
    const server = spawn(
      (await findServerBinary({ named: undefined, searchPath: process.env['PATH'] ?? '' })).path,
      ['-c', configFile, '-a', '127.0.0.1', '-p', String(port), '-sd', store, ...args],
      { stdio: 'ignore' },
    );
    onTestFinished(() => void server.kill('SIGKILL'));
    await until(() => isListening(port), Boolean);
    const url = `nats://127.0.0.1:${port}`;
    const { code, stderr } = await gate.spawn({ HEADGATE_NATS_URL: url }).exit;
    expect(stderr).toMatch(sentence);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
  });
});

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
