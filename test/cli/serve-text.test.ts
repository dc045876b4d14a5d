import path from 'node:path';

import { expect, test } from 'vitest';

import { prepareGate } from '../crash/gate-process.ts';

/* What `headgate serve` prints once it takes events: commands that work as they are. */

const question = "'select event_name, user_id, timestamp from events'";

test.each([
  ['no destination', undefined, undefined],
  ['the file that it reads by default', { path: 'warehouse.db' }, `headgate query ${question}`],
  ['another file', { path: "it's.db" }, `headgate query --db 'FOLDER/it'\\''s.db' ${question}`],
  ['a table for each event', { path: 'warehouse.db', tables: 'per_event' }, undefined],
])('the example of a query with %s', async (_what, sqlite, expected) => {
  const gate = await prepareGate({
    yaml: (folder) => {
      const settings = sqlite && { ...sqlite, path: path.join(folder, sqlite.path) };
      const destinations = settings && { warehouse: { type: 'sqlite', ...settings } };
      return JSON.stringify({ destinations: destinations ?? {} });
    },
  });
  await gate.start();
  await expect.poll(() => gate.output()).toContain('Ctrl-C drains and stops');
  const line = gate
    .output()
    .split('\n')
    .find((each) => each.includes('headgate query'));
  const wanted = expected === undefined ? undefined : `  npx ${expected}`;
  expect(line?.replace(gate.dataDir, 'FOLDER')).toBe(wanted);
});
