import type { Allowance } from './allowance.ts';
import type { Allowances } from './allowances.ts';
import type { LeaseAsk, LeaseOrder, LeaseReport, LeaseReturn } from './leases.ts';

/** Serves the leases of the gate processes: in the first process. */
export interface LeaseDesk {
  receive(process: number, report: LeaseReport): void;
  /** The process has ended. What it held counts as taken: it may have taken it. */
  ended(process: number): void;
}

/** Ahead of requests, a process gets at most half of what is there, and what this time allows. */
const aheadPart = 0.5;
const aheadMs = 50;
/** A process that is busy for longer does not hold up the others. */
const recallMsMax = 200;

/** `send` passes an order on to a process, by its number. */
export function createLeaseDesk(
  allowances: Allowances,
  send: (process: number, order: LeaseOrder) => void,
): LeaseDesk {
  const bySource = new Map<string, SourceDesk>();
  const deskOf = (source: string): SourceDesk => {
    let desk = bySource.get(source);
    if (desk === undefined) {
      desk = new SourceDesk(source, allowances, send);
      bySource.set(source, desk);
    }
    return desk;
  };
  return {
    receive: (process, report) => {
      const desk = deskOf(report.source);
      if (report.kind === 'limit asked') desk.asked(process, report);
      else desk.returned(process, report);
    },
    ended: (process) => {
      for (const desk of bySource.values()) desk.ended(process);
    },
  };
}

/** The leases of one source. */
class SourceDesk {
  private readonly source: string;
  private readonly allowances: Allowances;
  private readonly send: (process: number, order: LeaseOrder) => void;
  private limits: LeaseAsk['limits'] | undefined;
  /** Processes that may hold something. */
  private readonly holders = new Set<number>();
  /** Questions that wait until everything is given back. */
  private waiting: { readonly process: number; readonly ask: LeaseAsk }[] = [];
  /** Processes whose answer to the recall is missing, and its number. */
  private readonly recalled = new Set<number>();
  private round = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    source: string,
    allowances: Allowances,
    send: (process: number, order: LeaseOrder) => void,
  ) {
    this.source = source;
    this.allowances = allowances;
    this.send = send;
  }

  asked(process: number, ask: LeaseAsk): void {
    const allowance = this.allowanceBy(ask.limits);
    if (ask.held !== undefined) allowance.giveBack(ask.held);
    this.holders.delete(process);
    this.waiting.push({ process, ask });
    if (this.recalled.size > 0) {
      this.gaveBack(process);
      return;
    }
    let events = 0;
    let bytes = 0;
    for (const each of ask.asks) {
      events += each.events;
      bytes += each.bytes;
    }
    if (this.holders.size === 0 || allowance.covers(events, bytes)) this.answerWaiting();
    else this.recall();
  }

  returned(process: number, { held, round }: LeaseReturn): void {
    if (held !== undefined && this.limits !== undefined) {
      this.allowanceBy(this.limits).giveBack(held);
    }
    // The answer to an earlier recall says nothing about what the process holds by now.
    if (round === this.round) this.gaveBack(process);
  }

  ended(process: number): void {
    this.waiting = this.waiting.filter((each) => each.process !== process);
    this.holders.delete(process);
    this.gaveBack(process);
  }

  /** Messages have copies: the same limits stay one object. */
  private allowanceBy(limits: LeaseAsk['limits']): Allowance {
    const isSame = JSON.stringify(this.limits) === JSON.stringify(limits);
    if (!isSame) this.limits = limits;
    return this.allowances.of(this.source, this.limits!);
  }

  private recall(): void {
    this.round += 1;
    for (const holder of this.holders) {
      this.recalled.add(holder);
      this.send(holder, { kind: 'limit recalled', source: this.source, round: this.round });
    }
    this.timer = setTimeout(() => this.answerWaiting(), recallMsMax);
    this.timer.unref();
  }

  /** A process that was asked to give back holds nothing more. */
  private gaveBack(process: number): void {
    if (!this.recalled.delete(process)) return;
    this.holders.delete(process);
    if (this.recalled.size === 0) this.answerWaiting();
  }

  private answerWaiting(): void {
    clearTimeout(this.timer);
    this.recalled.clear();
    for (const { process, ask } of this.waiting.splice(0)) this.answer(process, ask);
  }

  private answer(process: number, ask: LeaseAsk): void {
    const allowance = this.allowanceBy(ask.limits);
    const taken = ask.asks.map((each) => allowance.take(each));
    const isRefused = taken.some(({ limit }) => limit !== undefined);
    const ahead = allowance.takeAhead(isRefused ? 0 : aheadPart, aheadMs);
    const isHeld = ahead.events >= 1 && ahead.bytes >= 1;
    if (isHeld) this.holders.add(process);
    else allowance.giveBack(ahead);
    this.send(process, {
      kind: 'limit answered',
      source: this.source,
      taken,
      ahead: isHeld ? ahead : undefined,
      eventsLeft: allowance.eventsLeft(),
      bytesWaitMs: allowance.bytesLeft() <= 0 ? allowance.msToNextDay() : undefined,
    });
  }
}
