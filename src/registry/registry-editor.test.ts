import { describe, expect, test } from 'vitest';

import type { BucketEntry } from '../jetstream/bucket/bucket.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { createWriter, type RegistryEditorOptions } from './registry-editor.ts';

const key = 'event.order_completed';

/** A bucket in which another writer has written these entries since revision 4. */
function writerBeside(others: readonly Partial<BucketEntry>[], error?: Error) {
  const entries = others.map((entry, at) => ({
    key,
    revision: 5 + at,
    deleted: false,
    value: '{}',
    ...entry,
  }));
  const bucket = {
    put: () => Promise.reject(error ?? new PublishError('conflict', 'wrong last sequence')),
    readAfter: async function* (revision: number) {
      yield* entries.filter((entry) => entry.revision > revision);
    },
  };
  const contents = { revisionOf: () => 4 };
  return createWriter({ bucket, contents } as unknown as RegistryEditorOptions);
}

const value = { owner: 'shop', active: 2, mode: 'enforce' };

describe('an entry that another writer was faster with', () => {
  test('is written if it is the same, in whatever order', async () => {
    const same = '{"mode":"enforce","active":2,"owner":"shop"}';
    const beside = [{ value: '{"active":1}' }, { value: same }, { key: 'other', value: '1' }];
    await expect(writerBeside(beside)(key, value)).resolves.toBeUndefined();
  });

  test.each([
    ['another one', [{ value: '{"owner":"shop","active":3,"mode":"enforce"}' }]],
    ['deleted since', [{ value: JSON.stringify(value) }, { deleted: true }]],
    ['no JSON', [{ value: 'active' }]],
    ['not there any more', []],
  ])('is a conflict if it is %s', async (_what, beside) => {
    const writing = writerBeside(beside)(key, value);
    await expect(writing).rejects.toMatchObject({
      code: 'registry_conflict',
      message: `Another writer has changed ${key} meanwhile.`,
    });
  });
});

test('another failure is passed on', async () => {
  const failure = new PublishError('timeout', 'no answer');
  await expect(writerBeside([], failure)(key, value)).rejects.toBe(failure);
});
