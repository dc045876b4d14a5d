import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import type { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { errorEntry, ServiceError } from '../errors.ts';
import { PublishError } from '../jetstream/publish-error.ts';
import type { Signals } from '../observability/signals.ts';
import type { DeadLetterQueue } from './queue.ts';

const pageSizeDefault = 100;
const pageSizeMax = 1_000;
/** A reason is a line or a paragraph. */
const whyCharactersMax = 2_000;

/** `headgate.v1.DeadLetterService`, for the admin port. */
export function createDeadLetterService(
  queue: DeadLetterQueue,
  signals: Signals,
): ServiceImpl<typeof DeadLetterService> {
  const answer = async <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await work();
    } catch (error) {
      throw connectErrorOf(error, signals);
    }
  };
  return {
    listDeadLetters: ({ destination, eventName, pageSize, pageToken }) =>
      answer(async () => {
        if (pageSize > pageSizeMax) {
          refuse(`page_size is ${pageSize}; at most ${pageSizeMax} are told at a time.`);
        }
        if (!/^\d{0,15}$/.test(pageToken)) {
          refuse('page_token is not the next_page_token of an earlier page.');
        }
        const size = pageSize === 0 ? pageSizeDefault : pageSize;
        const page = await queue.list({ destination, eventName }, size, pageToken);
        return { ...page, deadLetters: [...page.deadLetters], total: BigInt(page.total) };
      }),
    getDeadLetter: ({ id }) => answer(async () => ({ deadLetter: await queue.get(id) })),
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

function refuse(message: string): never {
  throw new ConnectError(message, Code.InvalidArgument);
}

function connectErrorOf(error: unknown, signals: Signals): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof ServiceError) {
    const { grpc, text } = errorEntry(error.code);
    return new ConnectError(`${error.message} ${text}`, grpc);
  }
  signals.trouble('the dead-letter service', error);
  if (error instanceof PublishError) {
    return new ConnectError(
      `The log did not take it (${error.fault}), and the dead letter is still there. Try again.`,
      Code.Unavailable,
    );
  }
  return new ConnectError(errorEntry('internal').text, Code.Internal);
}
