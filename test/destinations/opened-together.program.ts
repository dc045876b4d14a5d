import { parentPort, workerData } from 'node:worker_threads';

import { inTransaction } from '../../src/destinations/local-files/transaction.ts';
import { openWalDatabase } from '../../src/destinations/local-files/wal-database.ts';

/** Opens one new database after another, each at the same moment as the other threads do. */
const { files, turns, threads } = workerData as {
  readonly files: readonly string[];
  /** How many threads have come to each file. */
  readonly turns: Int32Array<SharedArrayBuffer>;
  readonly threads: number;
};

const faults: string[] = [];
for (const [index, file] of files.entries()) {
  Atomics.add(turns, index, 1);
  while (Atomics.load(turns, index) < threads);
  try {
    const database = openWalDatabase(file, 5_000, (opened) => {
      inTransaction(opened, () => {
        opened.exec('CREATE TABLE IF NOT EXISTS opened (by INTEGER)');
        opened.exec('INSERT INTO opened VALUES (1)');
      });
    });
    database.close();
  } catch (error) {
    faults.push(String(error));
  }
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin.
parentPort!.postMessage(faults);
