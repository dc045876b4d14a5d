import { expect, test } from 'vitest';

import type { BucketEntry } from '../../jetstream/bucket/bucket.ts';
import { followPauses } from './follow-pauses.ts';

const pause = (why: string) => JSON.stringify({ why, by: 'ada', sinceMs: 1 });

function following() {
  const written: BucketEntry[] = [];
  const changes: [string, string | undefined][] = [];
  const pauses = followPauses({
    entries: {
      readAfter: async function* (revision) {
        yield* written.filter((entry) => entry.revision > revision);
      },
    },
    onChange: (name, changed) => changes.push([name, changed?.why]),
    onAway: () => {},
  });
  const write = (key: string, value: string, revision = written.length + 1): void =>
    void written.push({ key, value, revision, deleted: false });
  return { pauses, changes, write };
}

test('a pause, another reason, and the end of it are followed', async () => {
  const { pauses, changes, write } = following();
  write('crm', pause('first'));
  await pauses.refresh();
  expect([pauses.of('crm')?.why, pauses.of('other')]).toEqual(['first', undefined]);
  write('crm', pause('second'));
  write('other', '{}');
  await pauses.refresh();
  write('crm', '{}');
  await pauses.refresh();
  await pauses.refresh();
  expect(pauses.of('crm')).toBeUndefined();
  expect(changes).toEqual([
    ['crm', 'first'],
    ['crm', 'second'],
    ['crm', undefined],
  ]);
});

test('a replica that is behind does not end a pause', async () => {
  const { pauses, write } = following();
  write('crm', pause('new'), 7);
  await pauses.refresh();
  write('crm', '{}', 5);
  await pauses.refresh();
  expect(pauses.of('crm')?.why).toBe('new');
});
