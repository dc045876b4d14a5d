import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient, type Client } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';

import { onTestFinished } from 'vitest';

import type { EventSchema } from '../../gen/headgate/v1/event_pb.ts';
import { EventResult_Status, type EventResult } from '../../gen/headgate/v1/event_result_pb.ts';
import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';

type Event = MessageInitShape<typeof EventSchema> & { readonly idempotencyKey: string };

export interface LoadCounts {
  readonly accepted: number;
  readonly duplicates: number;
  /** Verdicts `retry`. */
  readonly retries: number;
  /** Requests without an answer. */
  readonly failures: number;
}

/**
 * A correct producer: it resends an event without an answer, or with `retry`, under the same key.
 */
export interface SteadyLoad extends AsyncDisposable {
  /** Every key that was sent. */
  readonly sent: ReadonlySet<string>;
  /** The event_id of every key with the verdict ACCEPTED or DUPLICATE. */
  readonly acknowledged: ReadonlyMap<string, string>;
  readonly counts: () => LoadCounts;
  /** Resolves with the first acknowledgement of a request that starts after this call. */
  nextAcknowledgement(): Promise<void>;
  /** Starts no new batch, and resolves when every sent event is acknowledged. */
  finish(): Promise<void>;
}

interface Waiter {
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface LoadOptions {
  readonly lanes: number;
  readonly batchEvents: number;
  /** The pause between two batches of a lane. */
  readonly pauseMs: number;
}

const requestTimeoutMs = 5_000;
/** Shorter than a test may take, so that a gate that never answers is reported as what it is. */
const answerTimeoutMs = 60_000;
const retryDelayMs = 30;

export function openTrackClient(url: string): {
  client: Client<typeof TrackService>;
  close: () => void;
} {
  const sessionManager = new Http2SessionManager(url);
  const transport = createGrpcTransport({ baseUrl: url, sessionManager });
  return { client: createClient(TrackService, transport), close: () => sessionManager.abort() };
}

export function makeEvent(userId: string): Event {
  return {
    eventName: 'order_completed',
    userId,
    idempotencyKey: randomUUID(),
    propertiesJson: '{"order_id":"A-1001","total":49.9,"currency":"EUR"}',
  };
}

export function startLoad(url: string, options: LoadOptions): SteadyLoad {
  const { client, close } = openTrackClient(url);
  const sent = new Set<string>();
  const acknowledged = new Map<string, string>();
  const counts = { accepted: 0, duplicates: 0, retries: 0, failures: 0 };
  let waiters: Waiter[] = [];
  let finishing = false;
  let ended = false;
  let failure: unknown;

  /** Resolves to the events to resend. */
  const send = async (events: readonly Event[]): Promise<Event[]> => {
    const begun = performance.now();
    const { results } = await client.batchTrack(
      { events: [...events] },
      { timeoutMs: requestTimeoutMs },
    );
    if (results.length !== events.length)
      throw new LoadError('the number of verdicts is not that of the events');
    const again: Event[] = [];
    for (const [index, result] of results.entries()) {
      const event = events[index]!;
      if (result.status === EventResult_Status.RETRY) again.push(event);
      else note(event, result);
    }
    counts.retries += again.length;
    if (again.length < events.length) {
      for (const { resolve } of waiters.filter(({ since }) => since <= begun)) resolve();
      waiters = waiters.filter(({ since }) => since > begun);
    }
    return again;
  };

  const note = (event: Event, result: EventResult): void => {
    if (result.idempotencyKey !== event.idempotencyKey) {
      throw new LoadError('the verdict has the key of another event');
    }
    if (result.status === EventResult_Status.ACCEPTED) counts.accepted += 1;
    else if (result.status === EventResult_Status.DUPLICATE) counts.duplicates += 1;
    else throw new LoadError(`an unexpected verdict: ${JSON.stringify(result, jsonSafe)}`);
    acknowledged.set(event.idempotencyKey, result.eventId);
  };

  const lane = async (): Promise<void> => {
    while (!finishing && !ended) {
      let open = Array.from({ length: options.batchEvents }, () => makeEvent('u-1'));
      for (const event of open) sent.add(event.idempotencyKey);
      while (open.length > 0 && !ended) {
        try {
          open = await send(open);
        } catch (error) {
          if (error instanceof LoadError) throw error;
          counts.failures += 1;
        }
        if (open.length > 0) await sleep(retryDelayMs);
      }
      await sleep(options.pauseMs);
    }
  };
  const end = (why?: unknown): void => {
    failure ??= why;
    ended = true;
    for (const { reject } of waiters) reject(failure ?? new Error('the load has ended'));
    waiters = [];
  };
  const lanes = Promise.all(Array.from({ length: options.lanes }, lane)).then(() => {}, end);

  const inTime = async (what: string, awaited: Promise<void>): Promise<void> => {
    const timer = setTimeout(() => {
      end(new Error(`${what} has not come: ${JSON.stringify(counts)}`));
      close();
    }, answerTimeoutMs);
    await awaited.finally(() => clearTimeout(timer));
  };

  const dispose = async (): Promise<void> => {
    end();
    close();
    await lanes;
  };
  // A test that times out never reaches its own disposal.
  onTestFinished(dispose);
  return {
    sent,
    acknowledged,
    counts: () => ({ ...counts }),
    nextAcknowledgement: () => {
      const acknowledgement = new Promise<void>((resolve, reject) => {
        if (failure === undefined) waiters.push({ since: performance.now(), resolve, reject });
        else reject(failure);
      });
      return inTime('the next acknowledgement', acknowledgement);
    },
    finish: async () => {
      finishing = true;
      await inTime('the last acknowledgement', lanes);
      if (failure !== undefined) throw failure;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** The gate broke its contract. Resending would hide that. */
class LoadError extends Error {}

function jsonSafe(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
