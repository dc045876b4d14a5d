import type { SourceLimits } from '../../config/write-key.ts';
import type { Ahead, LimitAsk, Taken } from './allowance.ts';
import type { LeaseAnswer, LeaseOrder, LeaseReport } from './leases.ts';
import type { LimitedSource, SourceLimiter } from './source-limiter.ts';

/** The limits in one of several gate processes. */
export interface LeasedLimiter extends SourceLimiter {
  /** A message of the first process. */
  receive(order: LeaseOrder): void;
}

/** Requests of one source that wait for the first process hold at most this many events. */
const waitingEventsMax = 20_000;

/** What this process knows of one source. */
interface Held {
  limits: SourceLimits;
  ahead: Ahead | undefined;
  isAsking: boolean;
  /** Those of the question that is on its way. */
  askedLimits: SourceLimits;
  waiting: { readonly ask: LimitAsk; readonly decide: (taken: Taken) => void }[];
  waitingEvents: number;
  /** What the first process had left, at most, when it last answered; undefined: unknown. */
  left: { readonly events: number; readonly at: number } | undefined;
  /** `performance.now()` until which no byte is left. */
  bytesFrom: number;
  /** Of the last request. */
  lastEvents: number;
}

/**
 * Takes from what this process holds, and asks the first process otherwise: one message at a time for
 * each source, with all requests that wait. It refuses by itself only what the first process would
 * refuse too: after a refusal every process has given back what it held, and from then on no more
 * than the rate is added. So a source far beyond its limit costs few messages.
 */
export function createLeasedLimiter(send: (report: LeaseReport) => void): LeasedLimiter {
  const bySource = new Map<string, Held>();

  const heldOf = ({ source, limits }: LimitedSource): Held => {
    let held = bySource.get(source);
    if (held === undefined) {
      held = newHeld(limits);
      bySource.set(source, held);
    } else if (held.limits !== limits) {
      // Other limits: what was left by the earlier ones says nothing, and what is held may have no end.
      send(unasked(source, held.ahead));
      Object.assign(held, { limits, ahead: undefined, left: undefined, bytesFrom: 0 });
    }
    return held;
  };
  const askAll = (source: string, held: Held): void => {
    if (held.waiting.length === 0) return;
    held.isAsking = true;
    const { limits, ahead } = held;
    held.askedLimits = limits;
    held.ahead = undefined;
    const asks = held.waiting.map(({ ask }) => ask);
    send({ kind: 'limit asked', source, limits, held: ahead, asks });
  };
  const answered = (held: Held, answer: LeaseAnswer): void => {
    const now = performance.now();
    const decided = held.waiting.splice(0, answer.taken.length);
    held.isAsking = false;
    if (held.askedLimits === held.limits) held.ahead = answer.ahead;
    else send(unasked(answer.source, answer.ahead));
    const refused = answer.taken.find(({ limit }) => limit !== undefined);
    held.left = refused === undefined ? undefined : { events: answer.eventsLeft, at: now };
    // Without a refusal, other processes may hold bytes that the first process can recall.
    const noBytes = answer.taken.some(({ limit }) => limit === 'bytes_per_day');
    held.bytesFrom = noBytes ? now + (answer.bytesWaitMs ?? 0) : 0;
    for (const [index, { ask, decide }] of decided.entries()) {
      const taken = answer.taken[index]!;
      held.waitingEvents -= ask.events;
      decide(taken);
    }
    if (!held.isAsking) askAll(answer.source, held);
  };
  return {
    take: (producer, ask, decide) => {
      const held = heldOf(producer);
      held.lastEvents = ask.events;
      if (takeHere(held, ask)) {
        decide({ events: ask.events, limit: undefined, waitMs: 0 });
        return;
      }
      const refused = refusalOf(held, ask.isWhole ? ask.events : 1, ask.events);
      if (refused !== undefined || held.waitingEvents + ask.events > waitingEventsMax) {
        decide(refused ?? { events: 0, limit: 'events_per_second', waitMs: 1000 });
        return;
      }
      held.waiting.push({ ask, decide });
      held.waitingEvents += ask.events;
      if (!held.isAsking) askAll(producer.source, held);
    },
    refusal: (producer, events) => {
      const held = heldOf(producer);
      return refusalOf(held, 1, events ?? held.lastEvents);
    },
    receive: (order) => {
      const held = bySource.get(order.source);
      if (order.kind === 'limit recalled') {
        const { source, round } = order;
        send({ kind: 'limit returned', source, round, held: held?.ahead });
        if (held !== undefined) held.ahead = undefined;
      } else if (held !== undefined) answered(held, order);
    },
  };
}

/** Gives back without a recall: no round has the number 0. */
function unasked(source: string, held: Ahead | undefined): LeaseReport {
  return { kind: 'limit returned', source, round: 0, held };
}

function newHeld(limits: SourceLimits): Held {
  return {
    limits,
    ahead: undefined,
    isAsking: false,
    askedLimits: limits,
    waiting: [],
    waitingEvents: 0,
    left: undefined,
    bytesFrom: 0,
    lastEvents: 1,
  };
}

/** Takes a whole request from what this process holds, if that is enough. */
function takeHere(held: Held, { events, bytes }: LimitAsk): boolean {
  const { ahead } = held;
  if (ahead === undefined || ahead.events < events || ahead.bytes < bytes) return false;
  held.ahead = { events: ahead.events - events, bytes: ahead.bytes - bytes, day: ahead.day };
  return true;
}

/** `needed` events are the least of which the request could use any; it waits for `wanted`. */
function refusalOf(held: Held, needed: number, wanted: number): Taken | undefined {
  const now = performance.now();
  if (now < held.bytesFrom) {
    return { events: 0, limit: 'bytes_per_day', waitMs: Math.ceil(held.bytesFrom - now) };
  }
  const { left, limits } = held;
  const { eventsPerSecond, burst } = limits;
  if (left === undefined || eventsPerSecond === undefined) return undefined;
  if ((held.ahead?.events ?? 0) >= 1) return undefined;
  const events = Math.min(burst!, left.events + ((now - left.at) * eventsPerSecond) / 1000);
  // A little early: the first process decides by its own clock.
  if (events >= Math.min(needed, burst!) - 0.01) return undefined;
  const missing = Math.min(wanted, burst!) - events;
  const waitMs = Math.max(1, Math.ceil((missing * 1000) / eventsPerSecond));
  return { events: 0, limit: 'events_per_second', waitMs };
}
