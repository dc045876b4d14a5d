import { create } from '@bufbuild/protobuf';
import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { expect, test } from 'vitest';

import { ListDeadLettersRequestSchema } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import type { DeadLetterQueue } from '../../dead-letters/queue.ts';
import type { DeadLetterFilter } from '../../dead-letters/walk-dead-letters.ts';
import { createDeadLetterService } from './dead-letter-service.ts';

const context = { values: createContextValues() } as HandlerContext;

/** The filter that the queue is asked for. */
async function filterFor(eventName: string): Promise<DeadLetterFilter | undefined> {
  let asked: DeadLetterFilter | undefined;
  const list: DeadLetterQueue['list'] = async (filter) => {
    asked = filter;
    return { deadLetters: [], total: 0, nextPageToken: '' };
  };
  const service = createDeadLetterService({ list } as DeadLetterQueue);
  await service.listDeadLetters(create(ListDeadLettersRequestSchema, { eventName }), context);
  return asked;
}

test('the name of an event is searched for in the form that names are stored in', async () => {
  expect((await filterFor('Cafe\u0301'))?.eventName).toBe('Caf\u00e9');
  expect((await filterFor(''))?.eventName).toBe('');
});

test('a name has 1,000 characters at most', async () => {
  expect((await filterFor('x'.repeat(1_000)))?.eventName).toHaveLength(1_000);
  await expect(filterFor('x'.repeat(1_001))).rejects.toMatchObject({ code: 'invalid_request' });
});
