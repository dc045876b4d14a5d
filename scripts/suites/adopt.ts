/**
 * Plays the first hour of a new user in an empty folder, with the tarball that `npm pack` makes: install,
 * serve, Segment's SDK, contracts from what came, enforce, break an event, fix and replay it. Prints the
 * time of each step. `npm test` plays it as part of test/package, with that test's tarball.
 *
 *     npm run test:adopt
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { playFirstHour, tableOf } from '../../test/adopt/first-hour.ts';
import { pack } from '../../test/package/installed-package.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-adopt-'));
try {
  const { filename } = await pack(folder, []);
  console.log(tableOf(await playFirstHour(path.join(folder, filename))));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
