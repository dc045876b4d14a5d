import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, test } from 'vitest';

import { startRealService } from '../real-service.ts';
import { order } from './sample-events.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';
import { closeSessions } from './wire.ts';

test('the accepted events of every endpoint arrive in the warehouse once, and nothing else does', async () => {
  await using real = await startRealService();
  const port = Number(new URL(real.url).port);
  const events = wireEndpoints.map(() => order());
  const answers = await Promise.all(
    wireEndpoints.map(async (door, index) => {
      const event = events[index]!;
      const answer = await knock(port, door, { events: [event] });
      await knock(port, wireEndpoints[(index + 3) % wireEndpoints.length]!, { events: [event] });
      await knock(port, door, { events: [order({ user_id: 'null' })] });
      return answer;
    }),
  );
  closeSessions(port);
  const database = new DatabaseSync(path.join(real.dataDir, 'warehouse.db'), { readOnly: true });
  const rows = () =>
    database.prepare('select event_id, idempotency_key, user_id, properties from events').all() as {
      event_id: string;
      idempotency_key: string;
      user_id: string;
      properties: string;
    }[];
  try {
    await expect.poll(() => rows().length, { timeout: 10_000 }).toBe(events.length);
    const byKey = new Map(rows().map((row) => [row.idempotency_key, row]));
    for (const [index, event] of events.entries()) {
      const row = byKey.get(String(event['idempotency_key']))!;
      expect(row.event_id).toBe(answers[index]!.results[0]!.event_id);
      expect(row.user_id).toBe(event['user_id']);
      expect(JSON.parse(row.properties)).toEqual(event['properties']);
    }
    await real.stop();
    expect(rows().length).toBe(events.length);
  } finally {
    database.close();
  }
});
