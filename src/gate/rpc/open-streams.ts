import { Code, ConnectError } from '@connectrpc/connect';

import type { HttpCall } from '../../http/http-call.ts';
import { createAddressBuckets } from '../../http/token-bucket.ts';
import type { Callers } from '../intake/callers.ts';

/*
 * Limits of the streams that need no key: each costs little, and a caller could open any number.
 */

export interface StreamPlacesOptions {
  readonly callers: Pick<Callers, 'addressOf' | 'isProxied' | 'limited'>;
  /** What the streams do, for the error: `watch`. */
  readonly what: string;
  readonly streamsMax: number;
  readonly ofAddressMax: number;
  /** Of a connection that is not a trusted proxy's. */
  readonly ofConnectionMax: number;
}

/** Places for streams that stay open. */
export interface StreamPlaces {
  /**
   * Takes a place; call the returned function at the end of the stream. Throws a ConnectError
   * RESOURCE_EXHAUSTED if all places are taken, of the connection, its address or all together.
   */
  take(call: HttpCall): () => void;
  /** Why `take` would throw now, before the call costs more. Undefined: it would not. */
  refusal(call: HttpCall): string | undefined;
}

export function createStreamPlaces(options: StreamPlacesOptions): StreamPlaces {
  const { callers, what, streamsMax, ofAddressMax, ofConnectionMax } = options;
  const byAddress = new Map<string, number>();
  const byConnection = new Map<object, number>();
  let streams = 0;
  const reasonOf = (call: HttpCall, address: string): string | undefined => {
    const ofConnection = byConnection.get(call.connection) ?? 0;
    if (ofConnection >= ofConnectionMax && !callers.isProxied(call)) {
      return `At most ${ofConnectionMax} streams of a connection may ${what} at once.`;
    }
    if ((byAddress.get(address) ?? 0) >= ofAddressMax) {
      return `At most ${ofAddressMax} streams of an address may ${what} at once.`;
    }
    return streams >= streamsMax ? `At most ${streamsMax} may ${what} at once.` : undefined;
  };
  const refusal = (call: HttpCall): string | undefined => {
    const address = callers.addressOf(call);
    const reason = reasonOf(call, address);
    if (reason !== undefined) callers.limited('open_streams', address);
    return reason;
  };
  return {
    refusal,
    take: (call) => {
      const reason = refusal(call);
      if (reason !== undefined) throw new ConnectError(reason, Code.ResourceExhausted);
      const { connection } = call;
      const address = callers.addressOf(call);
      streams += 1;
      count(byConnection, connection, 1);
      count(byAddress, address, 1);
      return () => {
        streams -= 1;
        count(byConnection, connection, -1);
        count(byAddress, address, -1);
      };
    },
  };
}

function count<Key>(counts: Map<Key, number>, key: Key, change: number): void {
  const changed = (counts.get(key) ?? 0) + change;
  if (changed === 0) counts.delete(key);
  else counts.set(key, changed);
}

export interface AddressRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Returns whether an address may do one more of what is counted. `isAsked`: it does not do it yet. */
export function createAddressRate({
  burst,
  perSecond,
}: AddressRate): (address: string, isAsked?: boolean) => boolean {
  const bucketOf = createAddressBuckets(burst, perSecond);
  return (address, isAsked = false) => {
    const now = performance.now();
    const bucket = bucketOf(address, now);
    const isWithin = bucket.take(1, now);
    // Neither a question nor a refusal costs anything of the budget.
    if (isAsked || !isWithin) bucket.earn(1);
    return isWithin;
  };
}
