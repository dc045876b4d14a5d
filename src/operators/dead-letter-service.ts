import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import type { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { answerOperators } from './answer-operators.ts';
import type { Signals } from '../observability/signals.ts';
import type { DeadLetterQueue, OpenedDeadLetter } from '../dead-letters/queue.ts';
import type { DeadLetterFilter } from '../dead-letters/walk-dead-letters.ts';

const pageSizeDefault = 100;
const pageSizeMax = 1_000;
/** A reason is a line or a paragraph. */
const whyCharactersMax = 2_000;
const pathCharactersMax = 1_000;
/** Of a part of a reason, which is looked for in each. */
const reasonCharactersMax = 200;

/** `headgate.v1.DeadLetterService`, for the admin port. */
export function createDeadLetterService(
  queue: DeadLetterQueue,
  signals: Signals,
): ServiceImpl<typeof DeadLetterService> {
  const answer = answerOperators('the dead-letter service', signals, notTaken);
  return {
    listDeadLetters: (request) =>
      answer(async () => {
        const { pageSize, pageToken } = request;
        if (pageSize > pageSizeMax) {
          refuse(`page_size is ${pageSize}; at most ${pageSizeMax} are told at a time.`);
        }
        const size = pageSize === 0 ? pageSizeDefault : pageSize;
        const page = await queue.list(filterOf(request), size, pageToken);
        return { ...page, deadLetters: [...page.deadLetters], total: BigInt(page.total) };
      }),
    countDeadLetters: (request) =>
      answer(async () => {
        const { count, reasons, nextPageToken } = await queue.count(
          filterOf(request),
          request.pageToken,
        );
        const counted = reasons.map((one) => ({ reason: one.reason, count: BigInt(one.count) }));
        return { count: BigInt(count), reasons: counted, nextPageToken };
      }),
    getDeadLetter: ({ id }) => answer(async () => shown(await queue.get(id))),
    fixDeadLetter: ({ id, eventJson, edits, revision }) =>
      answer(async () => {
        if (eventJson === '' && edits.length === 0) {
          refuse('There is nothing to fix: give event_json, or edits.');
        }
        if (edits.some(({ path }) => path.length > pathCharactersMax)) {
          refuse(`A path has more than ${pathCharactersMax} characters.`);
        }
        return shown(await queue.fix(id, Number(revision), { eventJson, edits }));
      }),
    replayDeadLetter: ({ id }) =>
      answer(async () => ({ sequence: BigInt(await queue.replay(id)) })),
    discardDeadLetter: ({ id, why }) =>
      answer(async () => {
        if (why.trim() === '') refuse('why is missing. Say why the event is given up; it is kept.');
        if (why.length > whyCharactersMax) {
          refuse(`why has ${why.length} characters; at most ${whyCharactersMax} are kept.`);
        }
        await queue.discard(id, why.trim());
        return {};
      }),
  };
}

interface FilterRequest {
  readonly destination: string;
  readonly eventName: string;
  readonly reason: string;
  readonly since?: Timestamp | undefined;
  readonly until?: Timestamp | undefined;
}

function filterOf({
  destination,
  eventName,
  reason,
  since,
  until,
}: FilterRequest): DeadLetterFilter {
  if (reason.length > reasonCharactersMax) {
    refuse(
      `reason has ${reason.length} characters; at most ${reasonCharactersMax} are looked for.`,
    );
  }
  return {
    destination,
    eventName,
    reason,
    sinceMs: since === undefined ? 0 : timestampMs(since),
    untilMs: until === undefined ? Infinity : timestampMs(until),
  };
}

function shown({ deadLetter, eventJson, revision }: OpenedDeadLetter) {
  return { deadLetter, eventJson, revision: BigInt(revision) };
}

function refuse(message: string): never {
  throw new ConnectError(message, Code.InvalidArgument);
}

function notTaken(error: unknown): ConnectError | undefined {
  if (!(error instanceof PublishError)) return undefined;
  return new ConnectError(
    `The log did not take it (${error.fault}), and the dead letter is still there. Try again.`,
    Code.Unavailable,
  );
}
