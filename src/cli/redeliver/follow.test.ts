import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import {
  Redelivery_State,
  RedeliverySchema,
  type Redelivery,
} from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { StartError } from '../../errors.ts';
import { followRedelivery } from './follow.ts';
import type { RedeliveryClient } from './request.ts';

const away = 'The admin port cannot be reached at http://127.0.0.1:8081.';

/** A gate that answers with these, and is away then. */
function answering(...answers: readonly Redelivery[][]): RedeliveryClient {
  const left = [...answers];
  const call = async (): Promise<unknown> => {
    const redeliveries = left.shift();
    if (redeliveries === undefined) throw new StartError(away);
    return { redeliveries };
  };
  return { call } as unknown as RedeliveryClient;
}

const running = create(RedeliverySchema, { id: 'r1', state: Redelivery_State.RUNNING });

test('a redelivery whose gate stops goes on, and the command says so', async () => {
  await expect(followRedelivery(answering([running]), 'r1', { json: true })).rejects.toThrow(
    `${away} The redelivery r1 goes on with a worker of its destination. See it again: headgate redeliver follow r1`,
  );
});

test('of a gate that was never reached only that is said', async () => {
  await expect(followRedelivery(answering(), 'r1', { json: true })).rejects.toThrow(
    new StartError(away),
  );
});
