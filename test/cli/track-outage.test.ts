import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { startRealService } from '../real-service.ts';
import { openFolder, orderLine, type Folder } from './orders.ts';
import { collect, runCli, spawnCli } from './run-cli.ts';

const started: ChildProcess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'close');
  }
});

/** `headgate serve` in a process of its own, on a port that a second start can have again. */
async function serve(
  folder: Folder,
  listen: string,
): Promise<{ child: ChildProcess; url: string }> {
  const child = spawnCli(['serve'], {
    HEADGATE_LISTEN: listen,
    HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
    HEADGATE_DATA_DIR: folder.path,
    HEADGATE_LOG_LEVEL: 'silent',
    HEADGATE_SHUTDOWN_GRACE: '1s',
  });
  started.push(child);
  child.stdout!.resume();
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const found = /takes events on (http:\S+)/.exec(text);
      if (found !== null) resolve(found[1]!);
    });
    child.once('close', () => reject(new Error(`the gate did not start: ${text}`)));
  });
  return { child, url };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('headgate track', () => {
  it('sends its write key, and stops at once if the key is unknown', async () => {
    const key = 'hg_test-key';
    await using gate = await startRealService({
      yaml: `auth: keys\nkeys:\n  - { source: shop, hash: "${hashWriteKey(key)}" }\n`,
    });
    const send = (writeKey: string) =>
      runCli(['track', '-', '--url', gate.url], {
        env: { HEADGATE_WRITE_KEY: writeKey },
        input: orderLine(1),
      });
    expect(await send(key)).toMatchObject({ code: 0 });
    const refusals = {
      hg_other: /^headgate: .* does not know the write key: set HEADGATE/,
      '': /^headgate: .* wants a write key, and none was given: set HEADGATE/,
    };
    for (const [wrong, refusal] of Object.entries(refusals)) {
      const answer = await send(wrong);
      expect(answer.code).toBe(1);
      expect(answer.stderr).toMatch(refusal);
    }
  });

  it('survives a gate that is killed and restarts on its port', async () => {
    await using folder = await openFolder();
    const total = 60_000;
    const lines = Array.from({ length: total }, (_, index) => orderLine(index));
    await using source = await openFolder();
    const file = await source.write('orders.ndjson', lines.join('\n'));
    const first = await serve(folder, '127.0.0.1:0');
    const sender = spawnCli(['track', file, '--json'], { HEADGATE_URL: first.url });
    const ended = collect(sender);
    // In the middle: some batches are stored, and most are not.
    let probes = 0;
    for (let sequence = 0; sequence < total / 10; probes += 1) {
      sequence = await storeProbe(first.url);
      expect(sequence).toBeLessThan(total);
    }
    first.child.kill('SIGKILL');
    await once(first.child, 'close');
    expect(sender.exitCode).toBeNull();
    const second = await serve(folder, first.url.slice('http://'.length));
    const answer = await ended;
    expect(answer.stderr).toContain('Trying again for 30 s');
    const summary = JSON.parse(answer.stdout) as { accepted: number; duplicates: number };
    expect(summary).toMatchObject({ lines: total, rejected: 0, given_up: 0, stopped: null });
    expect(summary.accepted + summary.duplicates).toBe(total);
    expect(answer.code).toBe(0);
    // Each is in the log once: the next event takes the next place.
    expect(await storeProbe(second.url)).toBe(total + probes + 1);
  });

  it('gives up with one sentence if no gate is running', async () => {
    await using folder = await openFolder();
    const file = await folder.write('orders.ndjson', `${orderLine(1)}\n${orderLine(2)}\n`);
    const url = `http://127.0.0.1:${await freePort()}`;
    const answer = await runCli(['track', file, '--url', url, '--retry-for', '300ms', '--json']);
    expect(answer.code).toBe(1);
    const sentence = `headgate: No gate answers at ${url}; start it, or fix --url.`;
    expect(answer.stderr).toContain(sentence);
    expect(answer.stderr).not.toContain('    at ');
    expect(JSON.parse(answer.stdout)).toMatchObject({ lines: 2, accepted: 0, given_up: 2 });
  });

  it.each(['grpc', 'connect'])(
    'recognizes a server that is not a gate, by %s',
    async (protocol) => {
      const stranger = createServer((_request, response) => response.writeHead(404).end('nothing'));
      stranger.listen(0, '127.0.0.1');
      await once(stranger, 'listening');
      const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
      const args = ['track', '-', '--url', url, '--retry-for', '200ms', '--protocol', protocol];
      const answer = await runCli(args, { input: orderLine(1) });
      stranger.closeAllConnections();
      stranger.close();
      expect(answer.code).toBe(1);
      expect(answer.stderr).toMatch(/^headgate: .*(is not a gate|see whether a gate is running)/m);
      expect(answer.stdout).toContain('1 given up');
    },
  );
});

/** Stores one more event and returns its sequence in the log. */
async function storeProbe(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: orderLine(0),
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { sequence: number }).sequence;
}
