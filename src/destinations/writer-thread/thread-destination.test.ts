import { expect, test } from 'vitest';
import { createThreadDestination, type BatchReply } from './thread-destination.ts';

const { signal } = new AbortController();
const delivery = { payload: new Uint8Array(), sequence: 1 } as never;

test('a thread for which the system has no room fails its batch, and the next batch starts one', async () => {
  const ends: (() => void)[] = [];
  const destination = await createThreadDestination({
    name: 'warehouse',
    file: '/events.db',
    start: async (onEnd) => {
      ends.push(onEnd);
      // As the constructor of a Worker throws: no thread exists whose end could be reported.
      if (ends.length === 2) throw new Error('EAGAIN');
      return { close: async () => {} };
    },
    write: async (): Promise<BatchReply> => ({ kind: 'written', refused: [] }),
  });
  ends[0]!();
  expect(await destination.deliver([delivery], signal)).toEqual([
    { kind: 'retry', fault: 'destination', reason: 'EAGAIN' },
  ]);
  expect(await destination.deliver([delivery], signal)).toEqual([{ kind: 'delivered' }]);
});
