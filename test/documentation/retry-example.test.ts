import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { fencesOf, readPage } from './markdown.ts';

type SendAll = (
  gateUrl: string,
  events: readonly object[],
) => Promise<{ status: string; error: { code: string } }[]>;

interface Attempt {
  readonly keys: readonly string[];
  readonly atMs: number;
}

let folder: string;
let server: Server;
let url: string;
let sendAll: SendAll;
let attempts: Attempt[] = [];
let answers: ((response: ServerResponse, keys: readonly string[]) => void)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-retry-'));
  const file = path.join(folder, 'example.mjs');
  const page = fencesOf(readPage('docs/send/verdicts-and-retries.md'));
  writeFileSync(file, page.find(({ language }) => language === 'js')!.text);
  ({ sendAll } = (await import(pathToFileURL(file).href)) as { sendAll: SendAll });
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { events } = JSON.parse(Buffer.concat(chunks).toString()) as {
        events: { idempotency_key: string }[];
      };
      const keys = events.map((event) => event.idempotency_key);
      attempts.push({ keys, atMs: performance.now() });
      // More than the test expects: the example gives up after this.
      const answer = answers.shift() ?? ((late) => late.writeHead(410).end());
      answer(response, keys);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const verdicts =
  (httpStatus: number, statuses: Readonly<Record<string, string>>, headers = {}) =>
  (response: ServerResponse, keys: readonly string[]): void => {
    const results = keys.map((key, index) => ({
      index,
      idempotency_key: key,
      status: statuses[key],
      ...(statuses[key] === 'rejected' ? { error: { code: 'schema_violation' } } : {}),
    }));
    response.writeHead(httpStatus, headers).end(JSON.stringify({ results }));
  };

const eventsOf = (...keys: string[]): object[] => keys.map((key) => ({ idempotency_key: key }));

it('resends only events without a verdict or with `retry`, after the requested delay', async () => {
  attempts = [];
  answers = [
    (response) => response.destroy(),
    (response) => response.writeHead(503).end('{"code": "overloaded"}'),
    verdicts(207, { a: 'accepted', b: 'retry', c: 'rejected' }, { 'retry-after': '1' }),
    verdicts(202, { b: 'duplicate' }),
  ];
  const rejected = await sendAll(url, eventsOf('a', 'b', 'c'));
  const all = ['a', 'b', 'c'];
  expect(attempts.map(({ keys }) => keys)).toEqual([all, all, all, ['b']]);
  expect(attempts[3]!.atMs - attempts[2]!.atMs).toBeGreaterThanOrEqual(1000);
  expect(rejected).toMatchObject([{ idempotency_key: 'c', error: { code: 'schema_violation' } }]);
});

it('gives up a request that no retry can help', async () => {
  attempts = [];
  answers = [(response) => response.writeHead(401).end('{"code": "unauthenticated"}')];
  await expect(sendAll(url, eventsOf('a'))).rejects.toThrow('HTTP 401');
  expect(attempts).toHaveLength(1);
});
