import { useEffect, useRef, useState } from 'preact/hooks';

import {
  EventResult_Status as Status,
  type EventResult_Status,
} from '../../../gen/headgate/v1/event_result_pb.ts';
import type { TailResponse } from '../../../gen/headgate/v1/tail_service_pb.ts';
import type { Filters } from '../../navigation/address.ts';
import { failureOf, type Failure } from '../../service/failure.ts';
import { useService } from '../../service/service.ts';
import { createEventRing, type EventRing } from './event-ring.ts';
import { liveEvent, type LiveEvent } from './live-event.ts';

export interface TailView {
  readonly events: readonly LiveEvent[];
  readonly isConnected: boolean;
  readonly failure: Failure | undefined;
  /** Since the page was opened or a filter was changed. */
  readonly added: number;
  /** Of these: no longer in the list, because it has only so much room. */
  readonly dropped: number;
  /** Not sent, because this browser or the log was too slow. */
  readonly leftOut: number;
}

/** As many as anyone looks through; a filter finds the others. */
export const eventsMax = 5_000;

const retryDelayMs = 2_000;

/** So many events are read before the browser may draw. */
const burstMax = 50;

/** No one reads faster, and each drawing costs some milliseconds. */
const drawEveryMs = 100;

const empty: TailView = {
  events: [],
  isConnected: false,
  failure: undefined,
  added: 0,
  dropped: 0,
  leftOut: 0,
};

/**
 * Follows the events that match the filters. At most ten drawings a second, however many come. While it
 * is paused, the list stands still and events are counted.
 */
export function useTail(filters: Filters, key: string, isPaused: boolean): TailView {
  const { tail } = useService();
  const [view, setView] = useState(empty);
  const paused = useRef(isPaused);
  const refresh = useRef(() => {});
  paused.current = isPaused;
  useEffect(() => {
    const stop = new AbortController();
    const state = { ring: createEventRing<LiveEvent>(eventsMax), leftOut: 0, isConnected: false };
    let failure: Failure | undefined;
    let frame = 0;
    let timer = 0;
    let drawnAtMs = -Infinity;
    const draw = (nowMs: number): void => {
      frame = 0;
      drawnAtMs = nowMs;
      setView((before) => viewOf(state, failure, paused.current ? before.events : undefined));
    };
    const later = (): void => {
      if (frame !== 0 || timer !== 0) return;
      const waitMs = drawnAtMs + drawEveryMs - performance.now();
      if (waitMs <= 0) frame = requestAnimationFrame(draw);
      else {
        timer = setTimeout(() => {
          timer = 0;
          frame = requestAnimationFrame(draw);
        }, waitMs);
      }
    };
    refresh.current = later;
    const follow = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        try {
          for await (const answer of tail.tail(requestOf(filters), { signal: stop.signal })) {
            failure = undefined;
            take(state, answer);
            later();
            // A burst is many answers in one chunk, which would be read without a pause.
            if (state.ring.added % burstMax === 0) await new Promise((go) => setTimeout(go));
          }
        } catch (error) {
          failure = failureOf(error);
        }
        state.isConnected = false;
        if (stop.signal.aborted) return;
        later();
        await new Promise((resolve) => setTimeout(resolve, retryDelayMs));
      }
    };
    setView(empty);
    void follow();
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [key, tail]);
  useEffect(() => refresh.current(), [isPaused]);
  return view;
}

interface TailState {
  readonly ring: EventRing<LiveEvent>;
  leftOut: number;
  isConnected: boolean;
}

function take(state: TailState, { what }: TailResponse): void {
  state.isConnected = true;
  if (what.case === 'event') state.ring.push(liveEvent(what.value));
  else if (what.case === 'leftOut') state.leftOut += Number(what.value);
}

function viewOf(
  { ring, leftOut, isConnected }: TailState,
  failure: Failure | undefined,
  frozen: readonly LiveEvent[] | undefined,
): TailView {
  const { added, dropped } = ring;
  return { events: frozen ?? ring.newest(), isConnected, failure, added, dropped, leftOut };
}

const statuses: Readonly<Record<string, EventResult_Status>> = {
  accepted: Status.ACCEPTED,
  rejected: Status.REJECTED,
};

function requestOf(filters: Filters) {
  const verdict = filters.get('verdict');
  if (verdict !== '' && !Object.hasOwn(statuses, verdict)) {
    throw new Error(`"${verdict}" is not a verdict that events are stored with.`);
  }
  return {
    eventName: filters.get('event'),
    source: filters.get('source'),
    user: filters.get('user'),
    status: statuses[verdict] ?? Status.STATUS_UNSPECIFIED,
  };
}
