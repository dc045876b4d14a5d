import type { Message } from '@bufbuild/protobuf';
import type { Interceptor, StreamRequest, UnaryRequest } from '@connectrpc/connect';

import type { AuditedIds } from '../../audit/audit-part.ts';
import { outcomeOf } from '../answer-errors.ts';
import { collectFound } from './found-events.ts';
import type { AuditedRpc, RecordedAnswer } from './audited-rpc.ts';
import { auditedRpcs, rpcName } from './audited-rpcs.ts';
import {
  createRecorder,
  type OpenCall,
  type RecordedCall,
  type RecorderOptions,
} from './recorded-call.ts';

type Next = Parameters<Interceptor>[0];

/**
 * Records every RPC that changes something or shows events in the audit log. An act is recorded before
 * it is done, and its outcome afterwards; a view, with its outcome, before it is shown. What cannot be
 * recorded is neither done nor shown: the call fails with `audit_full` or `log_unavailable`.
 */
export function auditCalls(options: RecorderOptions): Interceptor {
  const open = createRecorder(options);
  return (next) => (request) => {
    const name = rpcName(request.method);
    const rpc = auditedRpcs.get(name);
    if (rpc === undefined) throw new Error(`${name} is in no table of audited-rpcs.ts`);
    if (rpc === 'harmless') return next(request);
    return request.stream ? stream(open, rpc, next, request) : call(open, rpc, next, request);
  };
}

async function call(open: OpenCall, rpc: AuditedRpc, next: Next, request: UnaryRequest) {
  const recording = await open(rpc, request, request.message);
  if (rpc.kind === 'act') await recording.begin();
  const found = collectFound(request.contextValues);
  const response = await next(request).catch((error: unknown) => fail(recording, error, found));
  const answer = response.message as Message & { nextPageToken?: string };
  const { nextPageToken = '' } = answer;
  const answered = rpc.answer(answer);
  const recorded = found.length > 0 ? { ...answered, events: found } : answered;
  await recording.end('ok', recorded, nextPageToken);
  if (nextPageToken !== '') answer.nextPageToken = recording.linkPage(nextPageToken);
  return response;
}

async function stream(open: OpenCall, rpc: AuditedRpc, next: Next, request: StreamRequest) {
  const read = await readFirst(request.message);
  if (read === undefined) return next({ ...request, message: request.message });
  const recording = await open(rpc, request, read.first);
  await recording.begin();
  const response = await next({ ...request, message: read.message }).catch((error: unknown) =>
    fail(recording, error),
  );
  if (!response.stream) return response;
  return { ...response, message: follow(response.message, rpc, recording) };
}

/** `found`: with what it had been done before it failed. */
async function fail(
  recording: RecordedCall,
  error: unknown,
  found: readonly AuditedIds[] = [],
): Promise<never> {
  await recording.end(outcomeOf(error), { events: found });
  throw error;
}

/** Passes the messages of a stream on, and records at its end how many there were. */
async function* follow(
  messages: AsyncIterable<Message>,
  rpc: AuditedRpc,
  recording: RecordedCall,
): AsyncGenerator<Message> {
  const counts: Record<string, number> = {};
  // Also if the caller ends it.
  let outcome = 'ok';
  try {
    for await (const message of messages) {
      addCounts(counts, rpc.answer(message));
      yield message;
    }
  } catch (error) {
    outcome = outcomeOf(error);
    throw error;
  } finally {
    await recording.end(outcome, { counts });
  }
}

function addCounts(sums: Record<string, number>, { counts = {} }: RecordedAnswer): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

/** The first message of a stream of requests, and the stream with it. Undefined for an empty one. */
async function readFirst(
  messages: AsyncIterable<Message>,
): Promise<{ first: Message; message: AsyncIterable<Message> } | undefined> {
  const iterator = messages[Symbol.asyncIterator]();
  const { value, done } = await iterator.next();
  // The library answers it.
  if (done === true) return undefined;
  return { first: value, message: all(value, iterator) };
}

async function* all(first: Message, rest: AsyncIterator<Message>): AsyncGenerator<Message> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}
