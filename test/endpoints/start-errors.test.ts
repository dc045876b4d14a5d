import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { StartError } from '../../src/errors.ts';
import { startRealService } from '../real-service.ts';
import { programFile } from '../tested-program.ts';
import { openGate, type OpenGate } from './open-gate.ts';

/** A failed start reports its cause in one sentence, and leaves nothing behind. */
describe('a start that fails', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-start-'));
  const taken = net.createServer();
  let takenPort: number;
  let running: OpenGate;

  beforeAll(async () => {
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    takenPort = (taken.address() as net.AddressInfo).port;
    running = await openGate();
    mkdirSync(path.join(folder, 'broken/order_completed'), { recursive: true });
    writeFileSync(
      path.join(folder, 'broken/taxonomy.yaml'),
      'verbs: [completed]\nevents: [no map]\n',
    );
  });

  afterAll(async () => {
    taken.close();
    await running[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const cases = [
    {
      name: 'the port is in use',
      env: () => ({ HEADGATE_LISTEN: `127.0.0.1:${takenPort}` }),
      text: /^127\.0\.0\.1:\d+ is in use by another program\. .*HEADGATE_LISTEN/,
    },
    {
      name: "the operators' port is in use",
      env: () => ({ HEADGATE_ADMIN_LISTEN: `127.0.0.1:${takenPort}` }),
      text: /^127\.0\.0\.1:\d+ is in use by another program\. .*HEADGATE_ADMIN_LISTEN/,
    },
    {
      name: 'another gate holds the data directory',
      env: () => ({ HEADGATE_DATA_DIR: running.real.dataDir }),
      text: /(data directory|in use|held).*/i,
    },
    {
      name: 'there is no nats-server',
      env: () => ({ HEADGATE_NATS_SERVER_BIN: path.join(folder, 'nowhere') }),
      text: /nowhere/,
    },
    {
      name: 'there are no schemas',
      env: () => ({ HEADGATE_SCHEMAS_DIR: path.join(folder, 'nowhere') }),
      text: /nowhere/,
    },
    {
      name: 'the taxonomy is broken',
      env: () => ({ HEADGATE_SCHEMAS_DIR: path.join(folder, 'broken') }),
      text: /taxonomy\.yaml/,
    },
    {
      name: 'the log is not there',
      env: () => ({ HEADGATE_NATS_URL: 'nats://127.0.0.1:1' }),
      text: /127\.0\.0\.1:1/,
    },
  ];

  test.for(cases)('$name: a StartError', async ({ env, text }) => {
    const error = await startRealService({ env: env(), yaml: 'destinations: {}\n' }).then(
      async (real) => {
        await real[Symbol.asyncDispose]();
        return undefined;
      },
      (each: unknown) => each,
    );
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toMatch(text);
  });

  test.for(cases)('$name: the process says so and ends with 1', async ({ env, text }) => {
    const dataDir = mkdtempSync(path.join(folder, 'data-'));
    const outcome = await new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
      execFile(
        process.execPath,
        [programFile(), 'serve'],
        {
          timeout: 20_000,
          env: {
            PATH: process.env['PATH'],
            HEADGATE_LISTEN: '127.0.0.1:0',
            HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
            HEADGATE_DATA_DIR: dataDir,
            HEADGATE_LOG_LEVEL: 'error',
            HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB',
            ...env(),
          },
        },
        (error, out, err) => resolve({ code: error?.code ?? 0, out, err }),
      );
    });
    expect(outcome).toMatchObject({ code: 1, out: '' });
    const message = outcome.err.replace(/^headgate: /, '').trim();
    expect(message).toMatch(text);
    expect(message).not.toMatch(/\n\s+at /);
    expect(outcome.err).toMatch(/^headgate: [^\n]+\n(?: {2}[^\n]+\n)*$/);
  });
});
