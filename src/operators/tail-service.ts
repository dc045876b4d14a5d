import { setTimeout as sleep } from 'node:timers/promises';

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import {
  TailResponseSchema,
  type TailRequest,
  type TailService,
} from '../../gen/headgate/v1/tail_service_pb.ts';
import { canaryName } from '../event/canary.ts';
import { eventNameOf, sourceOf } from '../event/delivery-attempt.ts';
import { compileEventGlobs } from '../event/glob.ts';
import type { Log } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';
import { nameOf } from '../quarantine/rejected-entry.ts';
import { followStream, type Follower } from '../tail/follow-stream.ts';
import { acceptedEvent, rejectedEvent } from '../tail/tailed-event.ts';

export interface Tail {
  readonly service: ServiceImpl<typeof TailService>;
  /** Sends everybody who watches home. */
  close(): void;
}

/** Each costs a few reads of the log a second. */
export const watchersMax = 16;

/** How often one looks for what is new. */
const lookEveryMs = 250;
/** How soon after a look that the log did not answer. */
const retryMs = 1_000;

type Response = MessageInitShape<typeof TailResponseSchema>;

/** `headgate.v1.TailService`, for the admin port. Costs nothing while nobody watches. */
export function createTail(log: Log): Tail {
  const stopping = new AbortController();
  let watchers = 0;

  async function* tail(request: TailRequest, context: { readonly signal: AbortSignal }) {
    if (watchers >= watchersMax) {
      const text = `${watchersMax} watch already, which is the most. Let one of them go.`;
      throw new ConnectError(text, Code.ResourceExhausted);
    }
    watchers += 1;
    const signal = AbortSignal.any([context.signal, stopping.signal]);
    try {
      const streams = await openStreams(log, request);
      yield create(TailResponseSchema, { what: { case: 'started', value: {} } });
      while (!signal.aborted) {
        const startedAt = performance.now();
        let waitMs = lookEveryMs;
        try {
          for (const stream of streams) yield* tell(stream);
        } catch {
          // The log is away: what it takes from then on is told when it is back.
          waitMs = retryMs;
        }
        const leftMs = waitMs - (performance.now() - startedAt);
        await sleep(Math.max(0, leftMs), undefined, { signal }).catch(() => {});
      }
    } finally {
      watchers -= 1;
    }
  }
  return { service: { tail }, close: () => stopping.abort() };
}

interface WatchedStream {
  readonly follower: Follower;
  readonly show: typeof acceptedEvent;
}

async function* tell({ follower, show }: WatchedStream): AsyncGenerator<Response> {
  for await (const followed of follower.look()) {
    const what: Response['what'] =
      followed.kind === 'leftOut'
        ? { case: 'leftOut', value: BigInt(followed.count) }
        : { case: 'event', value: show(followed.message) };
    yield create(TailResponseSchema, { what });
  }
}

const exactPattern = /^[a-z0-9_-]+$/;
const globPattern = /^[a-z0-9_*-]{1,128}$/;

async function openStreams(log: Log, request: TailRequest): Promise<WatchedStream[]> {
  const { eventName, source, status } = request;
  const { ACCEPTED, REJECTED, STATUS_UNSPECIFIED } = EventResult_Status;
  if (status !== ACCEPTED && status !== REJECTED && status !== STATUS_UNSPECIFIED) {
    refuse('status is ACCEPTED or REJECTED: nothing else is stored, and so seen.');
  }
  if (source !== '' && !globPattern.test(source)) refuse('source is no name, and no glob of one.');
  const isFrom = compileEventGlobs(source === '' ? [] : [source]);
  const isNamed = compileEventGlobs(eventName === '' ? [] : [eventName]);
  // Heartbeats are nobody's data: they are told to who asks for them by name.
  const isOther = (subject: string): boolean => {
    const from = sourceOf(subject);
    return !isFrom(from) || (from === canaryName && source !== canaryName);
  };
  const token = (text: string): string => (exactPattern.test(text) ? text : '*');
  const streams: WatchedStream[] = [];
  if (status !== REJECTED) {
    const subject = subjects.event(token(source), token(eventName));
    const isWanted = (message: StoredMessage): boolean =>
      !isOther(message.subject) && isNamed(eventNameOf(message.subject));
    const follower = await followStream({ log, stream: 'EVENTS', subject, isWanted });
    streams.push({ follower, show: acceptedEvent });
  }
  if (status !== ACCEPTED) {
    // The name as it was sent is in a header: what no entry names lies under one subject.
    const subject = subjects.rejected(token(source), '*');
    const isWanted = (message: StoredMessage): boolean =>
      !isOther(message.subject) && isNamed(nameOf(message));
    const follower = await followStream({ log, stream: 'REJECTED', subject, isWanted });
    streams.push({ follower, show: rejectedEvent });
  }
  return streams;
}

function refuse(message: string): never {
  throw new ConnectError(message, Code.InvalidArgument);
}
