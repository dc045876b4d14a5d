import { callOf } from '../../http/universal.ts';
import type { GateContext } from '../gate-context.ts';
import { createAddressRate, createStreamPlaces, type StreamPlaces } from './open-streams.ts';
import type { ReflectionLimits } from './reflection.ts';

/** Watchers keep a connection busy for long, so they have a part of the listener's. */
const watchersMax = 1000;
const watchersPart = 4;
const watchersOfConnectionMax = 25;

const reflectionStreamsMax = 64;
const reflectionsOfAddressMax = 16;
const reflectionsOfConnectionMax = 4;
/** A question costs up to 20 KiB of answer. Tools ask some twenty at once, for a person. */
const reflectionRate = { burst: 300, perSecond: 10 };

/** The limits of what needs no key: docs/operate/overload.md. */
export interface OpenLimits {
  readonly watching: StreamPlaces;
  readonly reflecting: ReflectionLimits;
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
  return {
    watching,
    reflecting: {
      enter: (context) => places.take(callOf(context)),
      mayAsk: (context) => {
        const address = callers.addressOf(callOf(context));
        if (isWithinRate(address)) return true;
        callers.limited('open_streams', address);
        return false;
      },
    },
  };
}
