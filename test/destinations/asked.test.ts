import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { prepareGate, until } from '../crash/gate-process.ts';
import { readFileIds } from './parquet-far-side.ts';
import { askPostgres } from './postgres-far-side.ts';
import { startPostgres, whyNoPostgres } from './postgres-server.ts';

const missing = whyNoPostgres();

test.skipIf(missing !== undefined)(
  'reconciliation finds a row that somebody deleted from PostgreSQL, and a file of Parquet',
  async () => {
    const server = await startPostgres();
    onTestFinished(() => server.close());
    const { url, password } = server;
    await using gate = await prepareGate({
      yaml: (dataDir) =>
        JSON.stringify({
          destinations: {
            tables: { type: 'postgres', url, password, tls: false },
            lake: { type: 'parquet', path: `${dataDir}/lake`, flush_interval: '50ms' },
          },
        }),
    });
    await gate.start();
    const lake = path.join(gate.dataDir, 'lake');
    const countRows = async (): Promise<number> => {
      const rows = await askPostgres<{ n: string }>(server, 'SELECT count(*) AS n FROM events');
      return Number(rows[0]?.n);
    };
    // A request after the other is in a file: so there are several.
    for (let sent = 20; sent <= 60; sent += 20) {
      await track(gate.url, 20);
      await until(
        () => readFileIds(lake),
        (ids) => ids.length === sent,
      );
    }
    await until(countRows, (count) => count === 60);
    const config = ['--config', path.join(gate.dataDir, 'headgate.yaml')];
    expect(await gate.headgate('reconcile', ...config)).toMatchObject({ code: 0 });

    const [row] = await askPostgres<{ event_id: string }>(
      server,
      'DELETE FROM events WHERE sequence = 33 RETURNING event_id::text',
    );
    const before = await readFileIds(lake);
    const files = readdirSync(lake, { recursive: true, encoding: 'utf8' });
    rmSync(
      path.join(
        lake,
        files.find((name) => name.endsWith('.parquet'))!,
      ),
    );
    const left = new Set(await readFileIds(lake));
    const gone = before.filter((id) => !left.has(id));
    expect(gone.length).toBeGreaterThan(0);

    const { code, stdout, stderr } = await gate.headgate('reconcile', ...config);
    expect(code).toBe(1);
    const told = [...`${stdout}${stderr}`.matchAll(/missing at (\w+): ([0-9a-f-]{36})/g)];
    const toldOf = (name: string) => told.filter((each) => each[1] === name).map((each) => each[2]);
    expect(toldOf('tables')).toEqual([row?.event_id]);
    // It prints so many ids and no more.
    expect(toldOf('lake').length).toBeGreaterThan(0);
    expect(gone).toEqual(expect.arrayContaining(toldOf('lake')));
  },
);

async function track(url: string, count: number): Promise<void> {
  const events = Array.from({ length: count }, () => ({
    event_name: 'order_completed',
    user_id: 'u-1',
    idempotency_key: randomUUID(),
    properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
  }));
  const answer = await fetch(`${url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
  });
  expect(answer.status).toBe(202);
}
