import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';

import { EventResult_Status as Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import type { ForwardFailure, ForwardResponse } from '../../../gen/headgate/v1/relay_service_pb.ts';
import { deliverInRequests, type RequestOutcome } from '../batch-requests.ts';
import { closeWhenIdle } from '../close-when-idle.ts';
import {
  delivered,
  type Delivery,
  type Destination,
  type DestinationSettings,
  type Outcome,
} from '../destination.ts';
import { openFarGate, outcomeOfFailure, retryLater, shownCode, shownText } from './far-gate.ts';
import { readFarGateSettings, type FarGateSettings } from './settings.ts';

/** The tag and the length of an event in a request. */
const overheadBytes = 8;

/**
 * Details of 500 refused events are below 1 MiB. A batch with a larger answer is split: each event has an
 * answer that fits.
 */
const answerBytesMax = 4 * 1024 * 1024;

/**
 * Forwards events to another gate, as this one's log holds them, and settles each by the verdict of that
 * gate: accepted and duplicate are delivered, retry is tried again, rejected is a dead letter here.
 *
 * At least once: a request whose answer is lost is sent again. The event has the same id there, so the
 * other gate answers `duplicate` within its dedup window.
 */
export function createHeadgateDestination(
  name: string,
  settings: DestinationSettings,
): Destination {
  const far = readFarGateSettings(name, settings);
  const gate = openFarGate(far, answerBytesMax);
  const { instance } = far;
  const send = async (
    messages: readonly Message[],
    signal: AbortSignal,
  ): Promise<RequestOutcome> => {
    const events = messages.map(({ payload }) => payload);
    try {
      const response = await gate.forward({ events, instance, signal });
      return outcomesOf(response, messages.length, far);
    } catch (error) {
      // The connection may be dead without a word: the next request finds out on another one.
      if (unanswered.has(ConnectError.from(error).code)) gate.drop();
      return outcomeOfFailure(error, far);
    }
  };
  const requests = {
    requestBytesMax: far.batchBytes,
    requestEventsMax: far.batchEvents,
    read: ({ payload }: Delivery): Message => ({ payload, bytes: payload.length + overheadBytes }),
    send,
  };
  return {
    batchEventsMax: far.batchEvents,
    concurrency: far.concurrency,
    ...closeWhenIdle(
      (batch, signal) => deliverInRequests(requests, batch, signal),
      async () => gate.drop(),
    ),
  };
}

const unanswered: ReadonlySet<Code> = new Set([Code.DeadlineExceeded, Code.Canceled]);

interface Message {
  readonly payload: Uint8Array;
  readonly bytes: number;
}

function outcomesOf(
  { statuses, failures }: ForwardResponse,
  count: number,
  far: FarGateSettings,
): RequestOutcome {
  if (statuses.length !== count) {
    const reason = `${far.url.host}: it answered with ${statuses.length} verdicts on ${count} events`;
    return { kind: 'retry', fault: 'destination', reason };
  }
  const byIndex = new Map(failures.map((failure) => [failure.index, failure]));
  return statuses.map((status, index) => outcomeOf(status, byIndex.get(index), far));
}

function outcomeOf(
  status: Status,
  failure: ForwardFailure | undefined,
  far: FarGateSettings,
): Outcome {
  const { url } = far;
  if (status === Status.ACCEPTED || status === Status.DUPLICATE) return delivered;
  const { code: sent = '', message = '', violations = [] } = failure?.error ?? {};
  const code = shownCode(sent);
  if (status === Status.REJECTED) {
    const places = violations
      .filter((one) => !message.includes(one.message))
      .slice(0, violationsMax)
      .map((one) => `${one.path} ${one.message}`);
    const why =
      failure === undefined ? 'it gave no reason' : [`${code}: ${message}`, ...places].join('; ');
    return {
      kind: 'dead',
      reason: `rejected by ${url.host}: ${shownText(why, far)}`,
      status: code,
    };
  }
  // The event is not the cause, so it waits and no attempt is spent: an outcome with a delay says that.
  const { retryDelay } = failure ?? {};
  const isDelay = retryDelay !== undefined && durationMs(retryDelay) > 0;
  const delay = isDelay ? retryDelay : waitWithoutDelay;
  if (status === Status.RETRY) {
    const why = failure === undefined ? 'it gave no reason' : shownText(`${code}: ${message}`, far);
    const outcome = retryLater(`${url.host}: ${why}`, code, delay);
    // A limit of one source says nothing about the others: a day's may hold for hours.
    return code === 'limit_reached' ? { ...outcome, fault: 'source' } : outcome;
  }
  // A newer gate may send a status that is not known here, and may not be final.
  const unknown = `it answered with the status ${status}, which this version does not know`;
  return retryLater(`${url.host}: ${unknown}`, 'unknown', delay);
}

/** How long an event waits whose verdict is `retry` without a delay. */
const waitWithoutDelay = durationFromMs(1_000);

/** An event of a thousand wrong members is one mistake. */
const violationsMax = 5;
