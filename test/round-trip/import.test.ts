import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { askFiles } from '../destinations/parquet-far-side.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { order } from '../endpoints/sample-events.ts';
import { startRealService, type RealService } from '../real-service.ts';

/** An import of two years lands in its months, everywhere. IMPORT_EVENTS makes it larger, of every day. */
const given = process.env['IMPORT_EVENTS'];
const count = Number(given ?? 3_000);
const stepDays = given === undefined ? 11 : 1;
const dayMs = 86_400_000;
const batchEvents = 500;

interface PosthogRequest {
  readonly historical_migration?: boolean;
  readonly batch: { readonly timestamp: string; readonly uuid: string }[];
}

let folder: string;
let farSide: RealHttpServer;
let service: RealService;
const posthogMonths = new Map<string, number>();
const isHistorical = new Set<unknown>();
const first = Date.now() - 730 * dayMs;
/** From two years ago until four days ago. */
const timeOf = (index: number): string =>
  new Date(first + Math.floor((index / count) * (726 / stepDays)) * stepDays * dayMs).toISOString();

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-import-'));
  farSide = await startHttpServer(({ body }, response) => {
    const request = JSON.parse(body.toString()) as PosthogRequest;
    isHistorical.add(request.historical_migration);
    for (const { timestamp } of request.batch) countIn(posthogMonths, timestamp.slice(0, 7));
    farSide.received.length = 0;
    response.end('{"status":1}');
  });
  service = await startRealService({
    yaml: `destinations:
  warehouse: { type: sqlite, path: ${path.join(folder, 'w.db')} }
  lake: { type: parquet, path: ${path.join(folder, 'lake')}, partition_by: event_date, flush_interval: 1s }
  posthog:
    type: posthog
    project_key: phc_0123456789
    host: http://127.0.0.1:${farSide.port}
    allow_private_addresses: true
`,
  });
});

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await farSide?.close();
  rmSync(folder, { recursive: true });
});

function countIn(months: Map<string, number>, month: string): void {
  months.set(month, (months.get(month) ?? 0) + 1);
}

const sorted = (months: Iterable<readonly [string, number]>) =>
  [...months].toSorted(([one], [other]) => (one < other ? -1 : 1));

test(
  'an import of two years is in its months in sqlite, parquet and PostHog',
  { timeout: 600_000 },
  async () => {
    const expected = new Map<string, number>();
    for (let start = 0; start < count; start += batchEvents) {
      const events = Array.from({ length: Math.min(batchEvents, count - start) }, (_each, at) => {
        const occurred_at = timeOf(start + at);
        countIn(expected, occurred_at.slice(0, 7));
        return order({ occurred_at });
      });
      const answer = await fetch(`${service.url}/v1/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ events, sent_at: new Date().toISOString() }),
      });
      expect(answer.status).toBe(202);
      await answer.body?.cancel();
    }
    const inSqlite = (): [string, number][] => {
      const database = new DatabaseSync(path.join(folder, 'w.db'), { readOnly: true });
      const rows = database
        .prepare('SELECT substr(event_time, 1, 7) AS month, count(*) AS n FROM events GROUP BY 1')
        .all();
      database.close();
      return rows.map(({ month, n }) => [String(month), Number(n)]);
    };
    const inParquet = async (): Promise<[string, number][]> => {
      const rows = await askFiles(
        path.join(folder, 'lake'),
        `SELECT strftime(event_date::DATE, '%Y-%m') AS month, count(*)::INT AS n FROM files GROUP BY 1`,
      );
      return rows.map(({ month, n }) => [String(month), Number(n)]);
    };
    const waiting = { timeout: 300_000, interval: 500 };
    await vi.waitFor(() => expect(sorted(inSqlite())).toEqual(sorted(expected)), waiting);
    await vi.waitFor(() => expect(sorted(posthogMonths)).toEqual(sorted(expected)), waiting);
    await vi.waitFor(
      async () => expect(sorted(await inParquet())).toEqual(sorted(expected)),
      waiting,
    );
    expect([...isHistorical]).toEqual([true]);
  },
);
