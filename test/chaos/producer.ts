import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { EventResult_Status, type EventResult } from '../../gen/headgate/v1/event_result_pb.ts';
import { makeEvent, openTrackClient } from '../crash/steady-load.ts';
import type { Ledger } from './ledger.ts';

/** A correct producer: it sends an event again under the same key until it is acknowledged. */
export interface Producer {
  /** Begins no new batch. Resolves with the events still unacknowledged after `timeoutMs`. */
  finish(timeoutMs: number): Promise<number>;
}

export interface ProducerOptions {
  /** Bytes of text in each event. */
  readonly fillerBytes: number;
}

type Event = ReturnType<typeof makeEvent>;

const lanes = 2;
const batchEvents = 20;
const pauseMs = 50;
const requestTimeoutMs = 5_000;
const retryDelayMs = 30;

/** @param url - `http://host:port` of the gate. */
export function startProducer(url: string, ledger: Ledger, options: ProducerOptions): Producer {
  const { client, close } = openTrackClient(url);
  const stored: readonly EventResult_Status[] = [
    EventResult_Status.ACCEPTED,
    EventResult_Status.DUPLICATE,
  ];
  let isFinishing = false;
  let hasEnded = false;
  let broken: Error | undefined;
  // The log compresses: text that repeats itself would not fill it.
  const makeFiller = (): string =>
    randomBytes(Math.ceil(options.fillerBytes * 0.75))
      .toString('base64')
      .slice(0, options.fillerBytes);

  const next = (): Event => {
    const event = makeEvent('u-1');
    ledger.sent.add(event.idempotencyKey);
    if (options.fillerBytes === 0) return event;
    const filler = makeFiller();
    const propertiesJson = `{"order_id":"A-1","total":1,"currency":"EUR","filler":"${filler}"}`;
    return { ...event, propertiesJson };
  };

  /** True: stored. False: to be sent again. */
  const note = (event: Event, result: EventResult | undefined): boolean => {
    if (result?.idempotencyKey !== event.idempotencyKey) {
      throw (broken = new Error('a verdict has the key of another event'));
    }
    if (result.status === EventResult_Status.RETRY) return false;
    if (!stored.includes(result.status)) {
      throw (broken = new Error(`an unexpected verdict: status ${result.status}`));
    }
    ledger.acknowledged.set(event.idempotencyKey, result.eventId);
    return true;
  };

  const send = async (events: readonly Event[]): Promise<Event[]> => {
    const { results } = await client.batchTrack(
      { events: [...events] },
      { timeoutMs: requestTimeoutMs },
    );
    const again = events.filter((event, index) => !note(event, results[index]));
    if (again.length < events.length) ledger.acknowledgements.beat();
    return again;
  };

  const lane = async (): Promise<void> => {
    while (!isFinishing && !hasEnded) {
      let open = Array.from({ length: batchEvents }, next);
      while (open.length > 0 && !hasEnded) {
        // A failed request has no verdicts: all of it is sent again.
        open = await send(open).catch(() => open);
        if (broken !== undefined) return;
        if (open.length > 0) await sleep(retryDelayMs);
      }
      await sleep(pauseMs);
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, lane));

  return {
    finish: async (timeoutMs) => {
      isFinishing = true;
      await Promise.race([running, sleep(timeoutMs, undefined, { ref: false })]);
      hasEnded = true;
      close();
      await running;
      if (broken !== undefined) throw broken;
      return [...ledger.sent].filter((key) => !ledger.acknowledged.has(key)).length;
    },
  };
}
