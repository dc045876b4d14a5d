import type { BodySink, HttpCall } from '../../http/http-call.ts';
import type { Callers } from './callers.ts';
import type { KeylessTurns, Turn } from './keyless-turns.ts';

/** The cost of a refusal: reading the request's head, and answering it. */
export const refusalMs = 0.05;

export interface KeylessWork {
  readonly costMs: number;
  /** Whose time pays. Undefined: that of all keyless requests. */
  readonly turns?: KeylessTurns;
  /** The body that may wait with the request, in bytes. Undefined: it is not needed any more. */
  readonly bodyBytes?: number;
  /** True if a reader has the body already. */
  readonly isRead?: boolean;
  /** Does it: at once while time is left, else in the turn of the caller's address. */
  run(): void;
  /**
   * It cannot wait any longer: its place is needed (`overloaded`), or its caller has disconnected
   * (CallerGone).
   */
  lose(error: Error): void;
}

const unread: BodySink = { chunk: () => {}, end: () => {}, cut: () => {} };

/**
 * Pays for a request with an unknown key from the time for keyless requests, so that callers that send
 * many of them wait. Exactly one of `run` and `lose` is called, once.
 */
export function runInTurn(
  callers: Pick<Callers, 'turns' | 'open' | 'limited'>,
  call: HttpCall,
  work: KeylessWork,
): void {
  const { costMs, bodyBytes, turns = callers.turns } = work;
  if (turns.spend(costMs)) {
    work.run();
    return;
  }
  // What arrives meanwhile would be kept for a reader.
  if (bodyBytes === undefined && work.isRead !== true && call.httpVersionMajor === 2) {
    call.receive(unread);
  }
  const { connection } = call;
  connection.waitingForTurn = (connection.waitingForTurn ?? 0) + 1;
  const leave = (): void => {
    connection.waitingForTurn! -= 1;
  };
  const place = callers.open(call, undefined, (error) => {
    leave();
    work.lose(error);
  });
  const turn: Turn = {
    address: place.address,
    run: () => {
      turns.done(costMs);
      leave();
      place.stopWork = undefined;
      place.release();
      work.run();
    },
  };
  callers.limited('keyless_turn', place.address);
  place.stopWork = () => turns.leave(turn);
  if (place.add(bodyBytes ?? 0)) turns.enter(turn);
}
