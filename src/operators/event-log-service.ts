import type { ServiceImpl } from '@connectrpc/connect';

import type { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { isCanarySubject } from '../event/canary.ts';
import { canonicalName, nameProblem } from '../event/name/event-name.ts';
import type { Log } from '../jetstream/log.ts';
import { anyName as everyName, subjects } from '../jetstream/topology.ts';
import { walkPage } from '../jetstream/read/walk/walk-pages.ts';
import { readBounds, readPageSize, refuse } from './request-fields.ts';

const namePattern = /^[a-z0-9_-]+$/;

/**
 * `headgate.v1.EventLogService`, for the admin port: pages of stored events. Its reads hold no event back and
 * take none from a destination.
 */
export function createEventLogService(log: Log): ServiceImpl<typeof EventLogService> {
  return {
    readEvents: async ({ eventName: sent, anyName, source, since, until, pageSize, pageToken }) => {
      const eventName = canonicalName(sent);
      if (anyName && sent !== '') refuse('any_name and event_name are given: leave one out.');
      if (!anyName && nameProblem(eventName) !== undefined) {
        refuse('event_name is missing, or is not a name.');
      }
      if (source !== '' && !namePattern.test(source)) refuse('source is not a name.');
      const page = await walkPage(
        log,
        'events',
        {
          stream: 'EVENTS',
          subjects: [
            subjects.eventsOf(source === '' ? '*' : source, anyName ? everyName : eventName),
          ],
          ...readBounds({ since, until }),
        },
        pageToken,
        { itemsMax: readPageSize(pageSize) },
        ({ sequence, subject, payload }) =>
          isCanarySubject(subject)
            ? undefined
            : { sequence: BigInt(sequence), storedJson: payload },
      );
      return { ...page, events: [...page.items] };
    },
  };
}
