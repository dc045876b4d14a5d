import { execFile } from 'node:child_process';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { startRealService } from '../real-service.ts';

const run = promisify(execFile);
const example = fileURLToPath(new URL('../../examples/github/', import.meta.url));

/** Reads the counts by verdict that the example prints. */
function countsIn(output: string): Record<string, number> {
  return Object.fromEntries(
    [...output.matchAll(/^(accepted|duplicate|rejected|retry|total)\s+(\d+)$/gm)].map(
      ([, name, count]) => [name!, Number(count)],
    ),
  );
}

test('every real payload is accepted once, and a second run adds nothing', async () => {
  await using service = await startRealService({
    env: { HEADGATE_SCHEMAS_DIR: path.join(example, 'schemas') },
  });
  const send = async (): Promise<Record<string, number>> => {
    const env = { ...process.env, HEADGATE_URL: service.url };
    const { stdout } = await run(process.execPath, [path.join(example, 'send.ts')], { env });
    return countsIn(stdout);
  };
  const rows = (): number => {
    const warehouse = new DatabaseSync(path.join(service.dataDir, 'warehouse.db'), {
      readOnly: true,
    });
    const { count } = warehouse.prepare('select count(*) as count from events').get() as {
      count: number;
    };
    warehouse.close();
    return count;
  };

  const first = await send();
  expect(first['total']).toBeGreaterThan(700);
  expect(first).toMatchObject({ accepted: first['total'], rejected: 0, retry: 0 });
  await expect.poll(rows, { timeout: 20_000 }).toBe(first['total']);

  const second = await send();
  expect(second).toMatchObject({ accepted: 0, duplicate: first['total'], rejected: 0, retry: 0 });
  expect(rows()).toBe(first['total']);
});
