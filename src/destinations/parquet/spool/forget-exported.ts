import type { DatabaseSync } from 'node:sqlite';
import { hasTable } from './database.ts';

/** How many ids one transaction deletes: about 50 ms. */
const forgottenMax = 20_000;

/** Deletes ids that an earlier version exported before a time. They are in the order of that time. */
export function forgetExported(database: DatabaseSync, beforeMs: number): void {
  if (!hasTable(database, 'exported')) return;
  const oldest = database.prepare('SELECT rowid, exported_at FROM exported ORDER BY rowid LIMIT ?');
  let last: number | undefined;
  let count = 0;
  for (const row of oldest.iterate(forgottenMax)) {
    count += 1;
    if (Number(row['exported_at']) >= beforeMs) break;
    last = Number(row['rowid']);
  }
  if (last !== undefined) database.prepare('DELETE FROM exported WHERE rowid <= ?').run(last);
  else if (count === 0 && !hasTable(database, 'events')) database.exec('DROP TABLE exported');
}
