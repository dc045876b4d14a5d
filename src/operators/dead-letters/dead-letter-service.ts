import type { ServiceImpl } from '@connectrpc/connect';

import type {
  CountDeadLettersRequest,
  DeadLetterService,
  ListDeadLettersRequest,
  ReplayDeadLettersRequest,
} from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import type { DeadLetterQueue, OpenedDeadLetter } from '../../dead-letters/queue.ts';
import type { DeadLetterFilter } from '../../dead-letters/walk-dead-letters.ts';
import { recordFound } from '../audit/found-events.ts';
import {
  readBounds,
  readEventName,
  readPageSize,
  readSequenceMax,
  readUser,
  readWhy,
  refuse,
} from '../request-fields.ts';
import { deadLetterMessage } from './dead-letter-message.ts';
import { replayPage } from './replay-page.ts';

const pageSizeMax = 1_000;
/** The audit log names each event of a page. */
const replayedMax = 100;
const pathCharactersMax = 1_000;
/** The longest part of a reason that can be searched for. */
const reasonCharactersMax = 200;

/** `headgate.v1.DeadLetterService`, for the admin port. */
export function createDeadLetterService(
  queue: DeadLetterQueue,
): ServiceImpl<typeof DeadLetterService> {
  return {
    listDeadLetters: async (request) => {
      const pageSize = readPageSize(request.pageSize, pageSizeMax);
      const page = await queue.list(filterOf(request), pageSize, request.pageToken);
      const deadLetters = page.deadLetters.map(deadLetterMessage);
      return { ...page, deadLetters, total: BigInt(page.total) };
    },
    countDeadLetters: async (request) => {
      const { count, reasons, ...page } = await queue.count(filterOf(request), request.pageToken);
      const counted = reasons.map((one) => ({ reason: one.reason, count: BigInt(one.count) }));
      return { ...page, count: BigInt(count), reasons: counted };
    },
    getDeadLetter: async ({ id }) => openedMessage(await queue.get(id)),
    fixDeadLetter: async ({ id, eventJson, edits, revision }) => {
      if (eventJson === '' && edits.length === 0) {
        refuse('The request changes nothing: give event_json, or edits.');
      }
      if (edits.some(({ path }) => path.length > pathCharactersMax)) {
        refuse(`A path has more than ${pathCharactersMax} characters.`);
      }
      return openedMessage(await queue.fix(id, Number(revision), { eventJson, edits }));
    },
    replayDeadLetter: async ({ id, revision }) => ({
      sequence: BigInt(await queue.replay(id, Number(revision))),
    }),
    replayDeadLetters: async (request, context) => {
      const { pageSize, pageToken } = request;
      const size = readPageSize(pageSize, replayedMax);
      const filter = filterOf(request, request.sequenceMax);
      return replayPage(queue, filter, size, pageToken, (event) => recordFound(context, [event]));
    },
    discardDeadLetter: async ({ id, why, revision }) => {
      await queue.discard(id, readWhy(why), Number(revision));
      return {};
    },
  };
}

function filterOf(
  request: ListDeadLettersRequest | CountDeadLettersRequest | ReplayDeadLettersRequest,
  sequenceMax = 0n,
): DeadLetterFilter {
  const { destination, reason, user } = request;
  if (reason.length > reasonCharactersMax) {
    refuse(
      `reason has ${reason.length} characters; at most ${reasonCharactersMax} are searched for.`,
    );
  }
  const eventName = readEventName(request.eventName);
  return {
    destination,
    eventName,
    reason,
    user: readUser(user),
    sequenceMax: readSequenceMax(sequenceMax),
    ...readBounds(request),
  };
}

function openedMessage({ deadLetter, eventJson, revision }: OpenedDeadLetter) {
  return { deadLetter: deadLetterMessage(deadLetter), eventJson, revision: BigInt(revision) };
}
