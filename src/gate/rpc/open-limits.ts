import type { HttpCall } from '../../http/http-call.ts';
import { callOf } from '../../http/universal.ts';
import type { GateContext } from '../gate-context.ts';
import type { KeylessTurns } from '../intake/keyless-turns.ts';
import { createAddressRate, createStreamPlaces, type StreamPlaces } from './open-streams.ts';
import { asksTooOften, type ReflectionLimits } from './reflection.ts';

/** Watchers keep a connection busy for long, so they have a part of the listener's. */
const watchersMax = 1000;
const watchersPart = 4;
const watchersOfConnectionMax = 25;

const reflectionStreamsMax = 64;
const reflectionsOfAddressMax = 16;
const reflectionsOfConnectionMax = 4;
/** A question costs up to 20 KiB of answer. Tools ask some twenty at once, for a person. */
const reflectionRate = { burst: 300, perSecond: 10 };

/** The time of the gate for one question. */
const questionMs = 0.1;

/** The limits of what needs no key: docs/operate/overload.md. */
export interface OpenLimits {
  readonly watching: StreamPlaces;
  readonly reflecting: ReflectionLimits;
  /** Why a new stream of reflection would be refused now. Undefined: it would not. */
  readonly reflectionRefusal: (call: HttpCall) => string | undefined;
}

export function createOpenLimits({ callers, limits }: GateContext): OpenLimits {
  const streamsMax = Math.min(watchersMax, Math.ceil(limits.connectionsMax / watchersPart));
  const watching = createStreamPlaces({
    callers,
    what: 'watch',
    streamsMax,
    ofAddressMax: Math.ceil(streamsMax / watchersPart),
    ofConnectionMax: watchersOfConnectionMax,
  });
  const places = createStreamPlaces({
    callers,
    what: 'ask for reflection',
    streamsMax: reflectionStreamsMax,
    ofAddressMax: reflectionsOfAddressMax,
    ofConnectionMax: reflectionsOfConnectionMax,
  });
  const isWithinRate = createAddressRate(reflectionRate);
  const isLimited = (address: string, isAsked: boolean): boolean => {
    if (isWithinRate(address, isAsked)) return false;
    callers.limited('open_streams', address);
    return true;
  };
  return {
    watching,
    reflecting: {
      enter: (context) => places.take(callOf(context)),
      mayAsk: (context) => {
        const call = callOf(context);
        const address = callers.addressOf(call);
        if (isLimited(address, false)) return false;
        if (call.connection.isKnown === true || callers.turns.spend(questionMs)) return true;
        return turnOf(callers.turns, address);
      },
    },
    reflectionRefusal: (call) =>
      places.refusal(call) ?? (isLimited(callers.addressOf(call), true) ? asksTooOften : undefined),
  };
}

/** Resolves to true when the address has its turn. */
function turnOf(turns: KeylessTurns, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const run = (): void => {
      turns.done(questionMs);
      resolve(true);
    };
    turns.enter({ address, run });
  });
}
