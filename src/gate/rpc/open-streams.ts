import { Code, ConnectError } from '@connectrpc/connect';

import type { HttpCall } from '../../http/http-call.ts';
import { TokenBucket } from '../../http/token-bucket.ts';
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
}

export function createStreamPlaces(options: StreamPlacesOptions): StreamPlaces {
  const { callers, what, streamsMax, ofAddressMax, ofConnectionMax } = options;
  const byAddress = new Map<string, number>();
  const byConnection = new Map<object, number>();
  let streams = 0;
  const refuse = (address: string, text: string): never => {
    callers.limited('open_streams', address);
    throw new ConnectError(text, Code.ResourceExhausted);
  };
  return {
    take: (call) => {
      const { connection } = call;
      const address = callers.addressOf(call);
      const ofConnection = byConnection.get(connection) ?? 0;
      if (ofConnection >= ofConnectionMax && !callers.isProxied(call)) {
        refuse(address, `At most ${ofConnectionMax} streams of a connection may ${what} at once.`);
      }
      if ((byAddress.get(address) ?? 0) >= ofAddressMax) {
        refuse(address, `At most ${ofAddressMax} streams of an address may ${what} at once.`);
      }
      if (streams >= streamsMax) refuse(address, `At most ${streamsMax} may ${what} at once.`);
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

/** Addresses whose rate is remembered. The one that was seen first is forgotten first. */
const ratedAddressesMax = 10_000;

export interface AddressRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Returns whether an address may do one more of what is counted. */
export function createAddressRate({ burst, perSecond }: AddressRate): (address: string) => boolean {
  const buckets = new Map<string, TokenBucket>();
  return (address) => {
    const now = performance.now();
    let bucket = buckets.get(address);
    if (bucket === undefined) {
      if (buckets.size >= ratedAddressesMax) buckets.delete(buckets.keys().next().value!);
      bucket = new TokenBucket(burst, perSecond, now);
      buckets.set(address, bucket);
    }
    if (bucket.take(1, now)) return true;
    // A refusal costs nothing of the budget.
    bucket.earn(1);
    return false;
  };
}
