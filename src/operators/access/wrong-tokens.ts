import type { BodySink, HttpCall } from '../../http/http-call.ts';
import { createAddressBuckets } from '../../http/token-bucket.ts';

/** Wrong tokens of one address that are answered at once: a person mistypes, a program restarts. */
const burst = 10;
/** After them, the answers of an address come this often. */
const perSecond = 1;
/** Requests of one address that wait for their answers. More are refused at once. */
const waitingOfAddressMax = 3;
/** The same of all addresses: half of the connections of the port. */
const waitingMax = 100;

export interface WrongTokens {
  /**
   * Answers a request with a wrong token: at once, late, or, if too many of its address wait already,
   * by `refuse` with the seconds after which to try again. Calls exactly one of both, unless the caller
   * disconnects before.
   */
  slow(
    call: HttpCall,
    address: string,
    answer: () => void,
    refuse: (seconds: number) => void,
  ): void;
  /** Answers all that wait. */
  close(): void;
}

const unread: BodySink = { chunk: () => {}, end: () => {}, cut: () => {} };

/**
 * Slows those who try tokens, by address (a /64 of IPv6). It protects the port, not the tokens, which are
 * too long to guess: a right token is never slowed, whatever else its address sends.
 */
export function createWrongTokens(): WrongTokens {
  const bucketOf = createAddressBuckets(burst, perSecond);
  const waiting = new Map<string, number>();
  const ends = new Set<() => void>();

  const wait = (call: HttpCall, address: string, delayMs: number, answer: () => void): void => {
    const { connection } = call;
    // What arrives meanwhile would be kept for a reader.
    if (call.httpVersionMajor === 2) call.receive(unread);
    waiting.set(address, (waiting.get(address) ?? 0) + 1);
    connection.waitingForTurn = (connection.waitingForTurn ?? 0) + 1;
    const leave = (): boolean => {
      if (!ends.delete(end)) return false;
      clearTimeout(timer);
      connection.waitingForTurn! -= 1;
      const left = waiting.get(address)! - 1;
      if (left === 0) waiting.delete(address);
      else waiting.set(address, left);
      return true;
    };
    const end = (): void => {
      if (leave() && !call.answered) answer();
    };
    const timer = setTimeout(end, delayMs);
    ends.add(end);
    call.whenAnswered(() => void leave());
  };

  return {
    slow: (call, address, answer, refuse) => {
      const ahead = waiting.get(address) ?? 0;
      if (ahead >= waitingOfAddressMax || ends.size >= waitingMax) {
        refuse(Math.ceil((ahead + 1) / perSecond));
        return;
      }
      const bucket = bucketOf(address, performance.now());
      if (bucket.take(1, performance.now())) answer();
      else wait(call, address, (1_000 * (ahead + 1)) / perSecond, answer);
    },
    close: () => {
      for (const end of ends) end();
    },
  };
}
