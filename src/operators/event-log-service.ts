import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import type { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import type { Log } from '../jetstream/log.ts';
import { subjects } from '../jetstream/topology.ts';
import type { Signals } from '../observability/signals.ts';
import { answerOperators } from './answer-operators.ts';
import { notTaken, readPageSize } from './operator-answers.ts';
import { walkPage } from '../jetstream/read/walk-pages.ts';

const namePattern = /^[a-z0-9_-]+$/;

/**
 * `headgate.v1.EventLogService`, for the admin port: pages of what is stored, by direct reads. No
 * consumer is made, so that nothing of delivery is touched.
 */
export function createEventLogService(
  log: Log,
  signals: Signals,
): ServiceImpl<typeof EventLogService> {
  const answer = answerOperators('the service of stored events', signals, notTaken);
  return {
    readEvents: ({ eventName, source, since, until, pageSize, pageToken }) =>
      answer(async () => {
        if (!namePattern.test(eventName)) refuse('event_name is missing, or is no name.');
        if (source !== '' && !namePattern.test(source)) refuse('source is no name.');
        const page = await walkPage(
          log,
          'events',
          {
            stream: 'EVENTS',
            subjects: [subjects.event(source === '' ? '*' : source, eventName)],
            sinceMs: since === undefined ? 0 : timestampMs(since),
            untilMs: until === undefined ? Number.POSITIVE_INFINITY : timestampMs(until),
          },
          pageToken,
          { itemsMax: readPageSize(pageSize) },
          ({ sequence, payload }) => ({
            sequence: BigInt(sequence),
            storedJson: new Uint8Array(payload),
          }),
        );
        return { ...page, events: [...page.items] };
      }),
  };
}

function refuse(message: string): never {
  throw new ConnectError(message, Code.InvalidArgument);
}
