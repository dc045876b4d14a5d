import type { HttpCall } from '../../http/http-call.ts';
import type { Callers } from './callers.ts';
import { smallKeyedBytesMax } from './callers.ts';

/** The cost of receiving and searching a byte. */
const receiveMsPerByte = 4e-6;

/**
 * Lets a large body of an unknown caller arrive only as fast as the time for keyless requests allows. Small ones are
 * not slowed down, nor those of a connection that had a valid key a moment ago.
 */
export class UploadPace {
  private readonly callers: Callers;
  private readonly call: HttpCall;
  private received = 0;
  private spentMs = 0;
  /** Bytes that arrived while the body was held: they had been sent already. */
  private owedMs = 0;
  private isHeld = false;

  constructor(callers: Callers, call: HttpCall) {
    this.callers = callers;
    this.call = call;
  }

  take(bytes: number): void {
    const { callers, call } = this;
    this.received += bytes;
    if (this.received <= smallKeyedBytesMax || callers.proven.has(call.connection)) return;
    const costMs = bytes * receiveMsPerByte;
    if (this.isHeld) this.owedMs += costMs;
    else if (callers.turns.spend(costMs)) this.spentMs += costMs;
    else this.hold(costMs);
  }

  /** The key was found: the body belongs to a producer. */
  giveBack(): void {
    this.callers.turns.giveBack(this.spentMs);
    this.spentMs = 0;
  }

  private hold(costMs: number): void {
    const { callers, call } = this;
    this.isHeld = true;
    this.owedMs = costMs;
    call.hold();
    const address = callers.addressOf(call);
    callers.limited('keyless_turn', address);
    const run = (): void => {
      this.isHeld = false;
      this.spentMs += this.owedMs;
      callers.turns.done(this.owedMs);
      call.resume();
    };
    callers.turns.enter({ address, run });
  }
}
