import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

import { EventResult_Status as Status } from '../../gen/headgate/v1/event_result_pb.ts';
import type {
  TailRequest,
  TailResponseSchema,
  TailService,
} from '../../gen/headgate/v1/tail_service_pb.ts';
import type { TailFilter } from '../tail/open-streams.ts';
import type { Tail, Tailed } from '../tail/tail.ts';
import { readUser, refuse } from './request-fields.ts';

/** `headgate.v1.TailService`, for the admin port. */
export function createTailService(tail: Tail): ServiceImpl<typeof TailService> {
  return {
    tail: async function* (request, { signal }) {
      for await (const tailed of tail.follow(filterOf(request), signal)) {
        yield { what: whatOf(tailed) };
      }
    },
  };
}

const globPattern = /^[a-z0-9_*-]{1,128}$/;

function filterOf({ eventName, source, user, status }: TailRequest): TailFilter {
  if (source !== '' && !globPattern.test(source))
    refuse('source is neither a name nor a glob of names.');
  return { eventName, source, user: readUser(user), status: statusOf(status) };
}

function statusOf(status: Status): TailFilter['status'] {
  switch (status) {
    case Status.STATUS_UNSPECIFIED:
      return undefined;
    case Status.ACCEPTED:
      return 'accepted';
    case Status.REJECTED:
      return 'rejected';
    default:
      return refuse(
        'status must be ACCEPTED or REJECTED: events of another status are not stored.',
      );
  }
}

function whatOf(tailed: Tailed): NonNullable<MessageInitShape<typeof TailResponseSchema>['what']> {
  if (tailed.kind === 'started') return { case: 'started', value: {} };
  if (tailed.kind === 'leftOut') return { case: 'leftOut', value: BigInt(tailed.count) };
  const { status, sequence, receivedAtMs, warnings, error, ...fields } = tailed.event;
  return {
    case: 'event',
    value: {
      ...fields,
      status: status === 'accepted' ? Status.ACCEPTED : Status.REJECTED,
      sequence: BigInt(sequence),
      receivedAt: timestampFromMs(receivedAtMs),
      warnings: warnings.map((one) => ({ ...one, violations: [...one.violations] })),
      ...(error !== undefined && { error: { ...error, violations: [...error.violations] } }),
    },
  };
}
