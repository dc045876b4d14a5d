import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import type { Log } from '../../src/jetstream/log.ts';
import { asAdmin } from '../admin-token.ts';
import { readPage } from '../documentation/markdown.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { startRealService } from '../real-service.ts';
import { settingsOf, until, type StoreContents } from './kept-store.ts';
import { askAdmin } from '../ask-admin.ts';
import { storedEvents } from '../stored-events.ts';

const folder = path.join(import.meta.dirname, 'stores');
const archives = globSync('*.tar.gz', { cwd: folder }).toSorted();

/** The headings `## 0.2.0` and `## 0.2.0 (2027-01-15)` of a changelog. */
const releasesIn = (changelog: string): string[] =>
  [...changelog.matchAll(/^## \[?v?(\d+\.\d+\.\d+\S*?)\]?(?: .*)?$/gm)].map((found) => found[1]!);

test('a store of each release is kept', () => {
  expect(releasesIn('## Unreleased\n\n## 0.2.0 (2027-01-15)\n## 0.1.1\n')).toEqual([
    '0.2.0',
    '0.1.1',
  ]);
  const kept = archives.map((name) => name.replace('.tar.gz', ''));
  expect(releasesIn(readPage('CHANGELOG.md')).filter((name) => !kept.includes(name))).toEqual([]);
  expect(kept).toContain('2026-11-28');
});

test.each(archives)('the store %s is read whole, and goes on where it was', async (archive) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-kept-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 10 }));
  execFileSync('tar', ['-xzf', path.join(folder, archive), '-C', dataDir]);
  await mkdir(path.join(dataDir, 'nats'));
  await rename(path.join(dataDir, 'jetstream'), path.join(dataDir, 'nats/jetstream'));
  const contents = JSON.parse(
    readFileSync(path.join(dataDir, 'contents.json'), 'utf8'),
  ) as StoreContents;

  const orders: string[] = [];
  const receiver = await startHttpServer(({ body }, response) => {
    orders.push(/"order_id":"([^"]+)"/.exec(body.toString())![1]!);
    response.end();
  });
  onTestFinished(() => receiver.close());
  await using real = await startRealService(settingsOf(dataDir, receiver.port));

  // The key of then is known, and so are the contracts of then.
  const response = await fetch(`${real.url}/v1/track`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${contents.writeKey}`,
    },
    body: JSON.stringify({
      event_name: 'order_completed',
      user_id: 'u-1',
      idempotency_key: '018f6a7e-0000-7000-8000-000000000999',
      properties: { order_id: 'new', total: 1, currency: 'EUR' },
    }),
  });
  expect([response.status, await response.text()]).toEqual([202, expect.any(String)]);

  expect(await readOrders(real.service.log)).toEqual([...contents.accepted, 'new']);

  // What waited is delivered, and nothing else; the dead letter after its replay.
  const wanted = [...contents.waiting, 'new'];
  await until(() => orders.length >= wanted.length);
  expect(orders.toSorted()).toEqual(wanted.toSorted());
  const { deadLetters } = await askAdmin<{ deadLetters: { id: string }[] }>(
    real.adminUrl,
    'DeadLetterService/ListDeadLetters',
  );
  expect(deadLetters).toHaveLength(1);
  await askAdmin(real.adminUrl, 'DeadLetterService/ReplayDeadLetter', { id: deadLetters[0]!.id });
  await until(() => orders.includes(contents.dead));

  const { rejected } = await askAdmin<{ rejected: object[] }>(
    real.adminUrl,
    'RejectedService/ListRejected',
  );
  expect(rejected).toHaveLength(contents.rejected);
  const audit = JSON.stringify(await askAdmin(real.adminUrl, 'AuditService/ListAudit'));
  expect(audit).toContain('CreateKey');
  const metrics = await fetch(`${real.adminUrl}/metrics`, asAdmin);
  expect(await metrics.text()).toMatch(/^headgate_log_missing_events 0$/m);
});

async function readOrders(log: Log): Promise<string[]> {
  const orders: string[] = [];
  for await (const { payload } of storedEvents(log)) {
    orders.push(/"order_id":"([^"]+)"/.exec(Buffer.from(payload).toString())![1]!);
  }
  return orders;
}
