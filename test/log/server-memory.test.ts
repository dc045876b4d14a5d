import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { startEmbeddedServer } from '../../src/jetstream/server/embedded-server.ts';
import { readServerRecord } from '../../src/jetstream/server/orphaned-server.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';

test('the embedded nats-server runs with the limits that are recorded for doctor', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-memory-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { path: binary } = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  const server = await startEmbeddedServer({
    binary,
    storeDir: folder,
    onRestart: () => {},
    env: { GOMEMLIMIT: '300MiB', OF_THE_OPERATOR: 'kept' },
  });
  onTestFinished(server.stop);
  expect(readServerRecord(folder)).toEqual({
    processId: server.processId(),
    binary,
    memoryBytes: 300 * 2 ** 20,
  });
  const environment = readFileSync(`/proc/${server.processId()}/environ`, 'utf8').split('\0');
  expect(environment).toEqual(
    expect.arrayContaining([
      'GOGC=400',
      'GOMEMLIMIT=300MiB',
      expect.stringMatching(/^GOMAXPROCS=[1-9]\d*$/),
      'OF_THE_OPERATOR=kept',
    ]),
  );
});
