import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { FarSide } from './conformance.ts';

/** A database file, read (and for a fault locked) by a connection that is not the destination's. */
export function startSqliteFarSide(): Promise<FarSide> {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-sqlite-'));
  const path = join(folder, 'not', 'yet', 'there', 'warehouse.db');
  let blocker: DatabaseSync | undefined;
  const lock = (): void => {
    blocker = new DatabaseSync(path);
    blocker.exec('BEGIN IMMEDIATE');
  };
  const unlock = (): void => {
    blocker?.close();
    blocker = undefined;
  };
  return Promise.resolve({
    settings: { path, busy_timeout: 1000 },
    counted() {
      const reader = new DatabaseSync(path, { readOnly: true });
      const rows = reader.prepare('SELECT event_id FROM events').all();
      reader.close();
      return rows.map((row) => String(row['event_id']));
    },
    goDown: lock,
    comeUp: unlock,
    stall: lock,
    unstall: unlock,
    oversize: { propertyBytes: 8 * 1024 * 1024, outcome: { kind: 'delivered' } },
    close() {
      unlock();
      rmSync(folder, { recursive: true });
    },
  });
}
