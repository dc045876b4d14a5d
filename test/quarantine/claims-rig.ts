import { randomUUID } from 'node:crypto';

import { messageIdOf } from '../../src/event/event-id.ts';
import type { IncomingEvent } from '../../src/event/incoming-event.ts';
import type { Verdict } from '../../src/event/verdict.ts';
import { messageIdHeader, type Log } from '../../src/jetstream/log.ts';
import { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import { readInOrder, findRanges } from '../../src/jetstream/read/read-ranges.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { createDiscard, type DiscardEvents } from '../../src/quarantine/discard.ts';
import { createInTurn } from '../../src/quarantine/in-turn.ts';
import {
  createRejectedEvents,
  type RejectedEvents,
  type RejectedFilter,
} from '../../src/quarantine/rejected-events.ts';
import {
  createReplayMarks,
  type MarksOptions,
  type ReplayMarks,
} from '../../src/quarantine/replay-marks.ts';
import { createReplay, type Replay, type ReplayGate } from '../../src/quarantine/replay.ts';
import { createStoredIds } from '../../src/quarantine/stored-ids.ts';

export const dedupWindowMs = 120_000;

export const open: RejectedFilter = {
  source: '',
  eventName: '',
  code: '',
  user: '',
  sinceMs: 0,
  untilMs: Infinity,
  withReplayed: false,
  withDiscarded: false,
  sequenceMax: Infinity,
};

export const everything = { ...open, withReplayed: true, withDiscarded: true };

/** Keeps a rejected event, by default with a key of its own, and resolves to its position. */
export async function reject(
  log: Log,
  eventName = 'order_completed',
  key: string = randomUUID(),
): Promise<number> {
  const headers = {
    'Headgate-Event-Name': eventName,
    'Headgate-Idempotency-Key': key,
  };
  const subject = subjects.rejected('shop', eventName);
  return (await log.store('REJECTED', subject, headers, '{}')).sequence;
}

/** What a test does between the steps of a replay. */
export interface Steps {
  /** After the claim, before the event is sent to the log. */
  beforePublish?(): Promise<void>;
  /** After the log has stored the event, before the outcome is recorded. */
  afterPublish?(): Promise<void>;
  /** The result in place of that of the log. */
  readonly verdict?: Partial<Verdict>;
}

/** What a process does with rejected events, on a connection of its own. */
export interface Operator {
  readonly log: Log;
  readonly marks: ReplayMarks;
  readonly rejected: RejectedEvents;
  readonly replay: Replay;
  readonly discard: DiscardEvents;
}

export interface OperatorOptions extends MarksOptions {
  readonly steps?: Steps;
  /** In place of the marks, made from them. */
  readonly marksOf?: (marks: ReplayMarks) => ReplayMarks;
}

/** Its gate gives an event that is replaced another idempotency key. */
export function openOperator(log: Log, options: OperatorOptions = {}): Operator {
  const { steps = {}, marksOf, ...marksOptions } = options;
  const made = createReplayMarks(log, { dedupWindowMs, ...marksOptions });
  const marks = marksOf?.(made) ?? made;
  const decode = (): never => {
    throw new Error('not decoded here');
  };
  const rejected = createRejectedEvents(log, marks, decode, ({ eventName }) => ({ eventName }));
  const endpoint: ReplayGate = {
    nameOf: ({ eventName }) => eventName,
    read: ({ eventName, idempotencyKey }, _edits, replacement) =>
      ({
        eventName,
        idempotencyKey: replacement === '' ? idempotencyKey : randomUUID(),
        fault: undefined,
      }) as IncomingEvent,
    accept: async (event, { source }, validateOnly) => {
      const verdict = { status: 'accepted', sequence: 0, error: undefined } as Verdict;
      if (validateOnly) return verdict;
      await steps.beforePublish?.();
      const id = messageIdOf(source, event.idempotencyKey);
      const subject = subjects.event(source, event.eventName);
      const stored = log.store('EVENTS', subject, { [messageIdHeader]: id }, '{}');
      const ack = await stored.catch((error: unknown) => {
        if (error instanceof PublishError) return error;
        throw error;
      });
      if (ack instanceof PublishError) {
        const notStored = { code: 'not_stored', message: ack.publicText, violations: [] };
        return { ...verdict, status: 'retry', error: notStored, mayBeStored: ack.mayBeStored };
      }
      await steps.afterPublish?.();
      const status = ack.duplicate ? 'duplicate' : 'accepted';
      return { ...verdict, status, sequence: ack.sequence, ...steps.verdict };
    },
  };
  const inTurn = createInTurn();
  const storedIds = createStoredIds(log);
  return {
    log,
    marks,
    rejected,
    replay: createReplay({ endpoint, rejected, marks, storedIds, inTurn, dedupWindowMs }),
    discard: createDiscard({ rejected, marks, inTurn }),
  };
}

export const asItIs = { edits: [], replacement: '', dryRun: false } as const;

/** A replay with another idempotency key, which the log does not know as a copy. */
export const underOtherKey = { ...asItIs, replacement: 'with another key' } as const;

export const because = (why: string) => ({ why, dryRun: false });

/** The error of work that must fail. */
export async function failureOf(work: Promise<unknown>): Promise<Error & { code?: string }> {
  return work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: Error) => error,
  );
}

/** The position of each stored event. */
export async function storedPositions(log: Log): Promise<number[]> {
  const positions: number[] = [];
  for await (const { sequence } of readInOrder(
    log,
    'EVENTS',
    ['>'],
    await findRanges(log, 'EVENTS'),
  ))
    positions.push(sequence);
  return positions;
}

/** What a process that starts now finds recorded of an event. */
export async function recordOf(log: Log, sequence: number): Promise<string> {
  const { replay, discard } = (await openOperator(log).rejected.get(sequence))!;
  if (discard !== undefined) return `discarded: ${discard.why}`;
  return replay === undefined ? 'open' : `${replay.status} ${replay.storedSequence}`;
}
