import { setTimeout as sleep } from 'node:timers/promises';

import { timestampNow } from '@bufbuild/protobuf/wkt';

import {
  EventResult_Status as Status,
  type EventResult,
} from '../../../gen/headgate/v1/event_result_pb.ts';
import type { EventError } from '../../event/verdict.ts';
import type { GateClient } from '../gate-client.ts';
import { failureOf } from './failure.ts';
import type { LineEvent } from './line.ts';
import type { Ledger } from './ledger.ts';

/** The state that the batches of one run share. */
export interface SendingRun {
  readonly client: GateClient;
  readonly ledger: Ledger;
  /** How long a batch is tried again without any of its events getting through. */
  readonly retryForMs: number;
  readonly validateOnly: boolean;
  readonly historical: boolean;
  /** If aborted, no batch is retried. */
  readonly stopped: AbortSignal;
  /** Ends the run: the gate refuses all events, or cannot be reached. */
  readonly stop: (sentence: string) => void;
  /** A batch has to wait. Called once for each period of trouble. */
  readonly onTrouble: (sentence: string) => void;
}

/**
 * Sends a batch until each of its events has a verdict. If that is impossible, gives up the rest
 * and ends the run. Each event is recorded in the ledger once.
 */
export async function sendBatch(sending: SendingRun, batch: readonly LineEvent[]): Promise<void> {
  const { stopped } = sending;
  let waiting = batch;
  let attempt = 0;
  let since = 0;
  for (;;) {
    const answer = await call(sending, waiting);
    if (answer.kind === 'split') {
      await splitBatch(sending, waiting, answer);
      return;
    }
    if (answer.kind === 'stop') {
      giveUp(sending, waiting, answer.message);
      sending.stop(answer.message);
      return;
    }
    if (answer.waiting.length === 0) return;
    if (attempt === 0 || answer.waiting.length < waiting.length) {
      attempt = 0;
      since = performance.now();
    }
    waiting = answer.waiting;
    const delayMs = Math.max(answer.afterMs, backoffMs(attempt));
    attempt += 1;
    if (stopped.aborted || performance.now() + delayMs - since > sending.retryForMs) {
      giveUp(sending, waiting, answer.message);
      sending.stop(answer.message);
      return;
    }
    sending.onTrouble(answer.message);
    await sleep(delayMs, undefined, { signal: stopped }).catch(() => {});
  }
}

type Answer =
  | { readonly kind: 'split'; readonly code: string; readonly message: string }
  | { readonly kind: 'stop'; readonly message: string }
  | {
      readonly kind: 'answered';
      readonly waiting: readonly LineEvent[];
      readonly message: string;
      readonly afterMs: number;
    };

async function call(sending: SendingRun, events: readonly LineEvent[]): Promise<Answer> {
  const { client, validateOnly, historical } = sending;
  let results: EventResult[];
  try {
    const request = {
      events: events.map(({ message }) => message),
      sentAt: timestampNow(),
      validateOnly,
      historical,
    };
    ({ results } = await client.service.batchTrack(request));
  } catch (error) {
    const failure = failureOf(error, client.url, client.hasKey);
    return failure.kind === 'retry' ? { ...failure, kind: 'answered', waiting: events } : failure;
  }
  if (results.length !== events.length) {
    const counts = `${results.length} verdicts on ${events.length} events`;
    const message = `The server at ${client.url} gave ${counts}`;
    return { kind: 'stop', message };
  }
  const waiting = events.filter((event, index) => !settle(sending.ledger, event, results[index]!));
  const retry = results.find(({ status }) => status === Status.RETRY);
  const why = retry?.error?.message ?? 'it says retry';
  const message = `The gate at ${client.url} cannot store: ${why}`;
  return { kind: 'answered', waiting, message, afterMs: 0 };
}

/** False if the event has to be sent again. */
function settle(ledger: Ledger, event: LineEvent, result: EventResult): boolean {
  switch (result.status) {
    case Status.ACCEPTED:
    case Status.DUPLICATE:
      ledger.taken(result, result.status === Status.DUPLICATE);
      return true;
    case Status.REJECTED:
      ledger.fault('rejected', event, result.error ?? noReason);
      return true;
    default:
      return false;
  }
}

const noReason: EventError = {
  code: 'internal',
  message: 'The gate gave no reason.',
  violations: [],
};

/** Halves find the event that the gate cannot read, and fit a gate with smaller limits. */
async function splitBatch(
  sending: SendingRun,
  events: readonly LineEvent[],
  { code, message }: { readonly code: string; readonly message: string },
): Promise<void> {
  if (events.length === 1) {
    sending.ledger.fault('rejected', events[0]!, { code, message, violations: [] });
    return;
  }
  const middle = Math.ceil(events.length / 2);
  await sendBatch(sending, events.slice(0, middle));
  await sendBatch(sending, events.slice(middle));
}

function giveUp(sending: SendingRun, events: readonly LineEvent[], message: string): void {
  const error: EventError = { code: 'not_stored', message, violations: [] };
  for (const event of events) sending.ledger.fault('given_up', event, error);
}

const backoffBaseMs = 100;
const backoffCapMs = 5_000;

/** Exponential with full jitter, so that many senders do not come back all at once. */
function backoffMs(attempt: number): number {
  const bound = Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(attempt, 16));
  return bound / 2 + Math.random() * (bound / 2);
}
