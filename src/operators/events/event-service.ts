import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

import type {
  EventService,
  LocatedEventSchema,
  LocateRequest,
  StoredLocation,
} from '../../../gen/headgate/v1/event_service_pb.ts';
import { readDeadLetter } from '../../dead-letters/dead-letter-entry.ts';
import type { EventFilter } from '../../event/event-filter.ts';
import { canonicalName, nameProblem } from '../../event/name/event-name.ts';
import type { Log } from '../../jetstream/log.ts';
import type { StoredMessage } from '../../jetstream/read/read.ts';
import {
  createFateReader,
  type LocatedDestination,
  type LocatedEvent,
} from '../../locate/destination-fate.ts';
import type { Wanted } from '../../locate/matchers.ts';
import { searchFrom } from '../../locate/search-start.ts';
import { searchPage } from '../../locate/search.ts';
import type { RejectedEvents } from '../../quarantine/rejected-events.ts';
import { createRedeliveryJobs } from '../../redelivery/jobs.ts';
import { operatorOf } from '../access/operator.ts';
import { deadLetterMessage } from '../dead-letters/dead-letter-message.ts';
import { rejectedMessage } from '../rejected/rejected-message.ts';
import { readBounds, readUser, refuse } from '../request-fields.ts';
import { fateMessage, locationMessage } from './location-message.ts';
import { compilePastRedelivery } from './past-redelivery.ts';
import { createSearchTurns } from './search-turns.ts';

export interface EventServiceOptions {
  readonly log: Log;
  readonly rejected: RejectedEvents;
  /** The destinations of the configuration. */
  readonly destinations: readonly (EventFilter & { readonly name: string })[];
  /** Undefined if this process delivers to no destination. */
  readonly delivery:
    | {
        stateOf(name: string): ReturnType<LocatedDestination['stateOf']>;
        storedOf(name: string): LocatedDestination['stored'];
      }
    | undefined;
}

/** Matches every id of an event. The widest form is a correlation id: gate/exchange.ts. */
const idPattern = /^[\u0021-\u007e]{1,128}$/;
const namePattern = /^[a-z0-9_-]*$/;
const dayMs = 86_400_000;
const propertyCharactersMax = 256;
/** Each destination may be asked for each of them. */
const lookedUpMax = 5;

/** `headgate.v1.EventService`, for the admin port. It writes nothing and creates no consumer. */
export function createEventService(options: EventServiceOptions): ServiceImpl<typeof EventService> {
  const { log, rejected } = options;
  const takeTurn = createSearchTurns();
  return {
    locate: async (request, context) => {
      const { since, until, source, eventName: sentName, pageToken } = request;
      const wanted = readWanted(request);
      if (!namePattern.test(source)) refuse('source is not a name.');
      const eventName = canonicalName(sentName);
      if (eventName !== '' && nameProblem(eventName) !== undefined) {
        refuse('event_name is not a name.');
      }
      const bounds = readBounds({ since, until });
      const isWide = wanted.user !== '' || wanted.property !== '';
      const fromId = isWide ? '' : wanted.id;
      const sinceMs = since === undefined ? searchFrom(fromId, Date.now(), dayMs) : bounds.sinceMs;
      const search = { ...wanted, source, eventName, sinceMs, untilMs: bounds.untilMs };
      const read = () => searchPage(log, search, pageToken, rejected);
      const page = await (isWide
        ? takeTurn(operatorOf(context).name, context.signal, read)
        : read());
      const stored = isLookedUp(wanted, page.stored.length)
        ? await locateStored(page.stored, options)
        : page.stored.map(locationMessage);
      const found = await Promise.all(page.rejected.map((sequence) => rejected.get(sequence)));
      const places: Place[] = [
        ...stored.map((value) => ({ case: 'stored' as const, value })),
        ...found
          .filter((one) => one !== undefined)
          .map((one) => ({ case: 'rejected' as const, value: rejectedMessage(one) })),
        ...page.dead.map(({ payload }) => ({
          case: 'deadLetter' as const,
          value: deadLetterMessage(readDeadLetter(payload)),
        })),
      ];
      return {
        events: places.map((place) => ({ place })),
        nextPageToken: page.nextPageToken,
        walk: page.walk,
        searchedFrom: timestampFromMs(Math.max(0, sinceMs)),
        compared: BigInt(page.compared),
      };
    },
  };
}

type Place = MessageInitShape<typeof LocatedEventSchema>['place'] & {};

function readWanted({ id, user, property }: LocateRequest): Wanted {
  const isAlone = property === '';
  const isId =
    id === '' ? user !== '' || !isAlone : idPattern.test(id) && (user === '' || !isAlone);
  if (!isId) {
    refuse(
      'id is missing or invalid: give an event_id, an idempotency_key, a correlation_id or the message id ' +
        "of a vendor's SDK, or a user alone, or a property.",
    );
  }
  if (property.length > propertyCharactersMax) {
    refuse(
      `property has ${property.length} characters; at most ${propertyCharactersMax} are searched for.`,
    );
  }
  return { id, user: readUser(user), property };
}

/** What became of events is looked up for an id, and for a few that a property found. */
function isLookedUp({ user, property }: Wanted, events: number): boolean {
  return property === '' ? user === '' : events <= lookedUpMax;
}

/**
 * Locates one after another: a batch of a hundred must not send the log a thousand requests at
 * once.
 */
async function locateStored(
  messages: readonly StoredMessage[],
  { log, destinations, delivery }: EventServiceOptions,
): Promise<StoredLocation[]> {
  if (messages.length === 0) return [];
  const jobs = await createRedeliveryJobs(log).list();
  const readers = destinations.map(({ name, events, sources }) => {
    const filter = { events, sources };
    const stateOf = () => delivery?.stateOf(name);
    const stored = delivery?.storedOf(name);
    const job = jobs.find(({ destination }) => destination === name);
    const redeliveredOf = compilePastRedelivery(job, filter);
    return { name, read: createFateReader(log, { name, filter, stateOf, stored }), redeliveredOf };
  });
  const located: StoredLocation[] = [];
  for (const message of messages) {
    const location = locationMessage(message);
    const placed: LocatedEvent = {
      sequence: message.sequence,
      subject: message.subject,
      eventName: location.eventName,
      eventId: location.eventId,
      timestampMs: timestampMs(location.receivedAt!),
      storedAtMs: message.storedAtMs,
    };
    for (const { name, read, redeliveredOf } of readers) {
      const fate = await read(placed);
      // One that waits in the lane is not sent yet.
      const redelivered = fate.laneCopy === undefined ? redeliveredOf(message) : undefined;
      location.destinations.push(fateMessage(name, fate, redelivered));
    }
    located.push(location);
  }
  return located;
}
