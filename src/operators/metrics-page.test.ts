import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';

import { createExchange } from '../gate/exchange.ts';
import { listen, type Listener } from '../http/listen.ts';
import { createMetricsEndpoint, pagesMax, type MetricsPage } from './metrics-page.ts';

describe.each(['own', 'node'] as const)('/metrics with http.engine %s', (engine) => {
  let listener: Listener | undefined;
  afterEach(() => listener?.close(0));

  async function open(render: MetricsPage['render']): Promise<string> {
    const serve = createMetricsEndpoint({ contentType: 'text/plain; version=0.0.4', render });
    listener = await listen({
      address: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      engine,
      handle: (call) => serve(createExchange(call)),
      setting: 'TEST',
      idleTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
      connectionsMax: 100,
    });
    return `http://127.0.0.1:${listener.address.port}/metrics`;
  }

  test('sends the parts as one page', async () => {
    const url = await open(async function* () {
      yield 'a 1\n';
      await sleep(1);
      yield 'ü 2\n';
    });
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(response.headers.get('x-correlation-id')).toMatch(/./);
    expect(await response.text()).toBe('a 1\nü 2\n');
  });

  test('answers 500 with the reason if the first part fails, and cuts the page after it', async () => {
    let parts = 0;
    const url = await open(async function* () {
      if (parts === 1) yield 'a 1\n'.repeat(10_000);
      throw new Error('a gauge cannot be read');
    });
    const failed = await fetch(url);
    expect([failed.status, await failed.text()]).toEqual([500, 'a gauge cannot be read\n']);
    parts = 1;
    await expect(fetch(url).then((response) => response.text())).rejects.toBeInstanceOf(TypeError);
  });

  test(`answers ${pagesMax} scrapes at once, and the next with 503`, async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    let rendering = 0;
    const url = await open(async function* () {
      rendering += 1;
      yield 'a 1\n';
      await released;
    });
    const scrapes = Array.from({ length: pagesMax }, () => fetch(url));
    await Promise.all(scrapes);
    const refused = await fetch(url);
    expect([refused.status, await refused.text()]).toEqual([
      503,
      `${pagesMax} scrapes are being answered already. Scrape again later.\n`,
    ]);
    expect(rendering).toBe(pagesMax);
    release();
    for (const scrape of scrapes) expect(await (await scrape).text()).toBe('a 1\n');
    expect((await fetch(url)).status).toBe(200);
  });

  test('stops rendering for scrapers that disconnect, and has room for others', async () => {
    const part = 'x'.repeat(64 * 1024);
    let stopped = 0;
    const url = await open(async function* () {
      try {
        for (;;) yield part;
      } finally {
        stopped += 1;
      }
    });
    for (let round = 0; round < pagesMax + 1; round += 1) {
      const abort = new AbortController();
      const response = await fetch(url, { signal: abort.signal });
      expect(response.status).toBe(200);
      abort.abort();
      await expect.poll(() => stopped).toBe(round + 1);
    }
  });
});
