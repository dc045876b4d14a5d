import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { natsStream } from '../nats-stream.ts';

/** The contents of the warehouse. */
export interface WarehouseState {
  /** event_id -> idempotency_key. */
  readonly rows: ReadonlyMap<string, string>;
  readonly rowCount: number;
  /** `ok`, or a description of the damage. */
  readonly integrity: string;
}

export function readWarehouse(dataDir: string): WarehouseState {
  return withWarehouse(dataDir, (database) => {
    const rows = database.prepare('SELECT event_id, idempotency_key FROM events').all();
    return {
      rows: new Map(rows.map((row) => [String(row['event_id']), String(row['idempotency_key'])])),
      rowCount: rows.length,
      integrity: String(database.prepare('PRAGMA integrity_check').get()?.['integrity_check']),
    };
  });
}

export function countRows(dataDir: string): number {
  return withWarehouse(dataDir, (database) =>
    Number(database.prepare('SELECT count(*) AS rows FROM events').get()?.['rows']),
  );
}

function withWarehouse<Value>(dataDir: string, read: (database: DatabaseSync) => Value): Value {
  const file = path.join(dataDir, 'warehouse.db');
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return read(database);
  } finally {
    database.close();
  }
}

/** The message ids of a stream, in order, from the nats-server that runs on this directory. */
export async function readMessageIds(dataDir: string, stream: string): Promise<string[]> {
  const { url, user, password } = JSON.parse(
    readFileSync(path.join(dataDir, 'nats', 'client.json'), 'utf8'),
  ) as { url: string; user: string; password: string };
  const connection = await connect({ servers: url, user, pass: password });
  try {
    const consumer = await jetstream(connection).consumers.get(natsStream(stream), {
      headers_only: true,
    });
    const ids: string[] = [];
    let { num_pending: left } = await consumer.info();
    if (left === 0) return ids;
    for await (const message of await consumer.consume({ max_messages: 5_000 })) {
      ids.push(message.headers?.get('Nats-Msg-Id') ?? '');
      left = message.info.pending;
      if (left === 0) break;
    }
    return ids;
  } finally {
    await connection.close();
  }
}
