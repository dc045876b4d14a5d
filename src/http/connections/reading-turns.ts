import type { CallerConnection } from '../http-call.ts';

/** What reads the bytes of one connection, or of one request on it. */
export interface TurnReader {
  readonly connection: CallerConnection;
  readNow(bytes: Buffer): void;
  /** Stops and continues the arrival of bytes. A few may still arrive after `pause`. */
  pause(): void;
  resume(): void;
  /** Ends the connection: too much of others waits already. */
  giveUp(): void;
}

/**
 * Shares the event loop between the bytes of callers that are not known and everything else. A turn of the loop reads
 * all sockets that have bytes, each up to 2 MiB: callers without a key could fill it with hundreds of milliseconds of
 * work, and each request of a producer needs about three turns.
 */
export interface ReadingTurns {
  /** Call `take` of the result with everything that arrives. */
  open(reader: TurnReader): PacedReading;
}

/** What one turn of the event loop reads of callers that are not known, in ms. */
export const readingTurnMsMax = 1;
/** A small part costs little, and most requests are small: they come before everything else that waits. */
const smallBytes = 4 * 1024;
/**
 * A caller that has used less than this comes before the others: new ones, and those that ask now and then. It gets
 * back so much in each ms.
 */
const lightMsMax = 1;
const lightShare = 0.005;
/** Everything but small parts of the former has this share of a processor, and after a quiet period this much at once. */
const bulkShare = 0.25;
const bulkBurstMs = 4;
const waitMsMin = 1;
/** What may wait in all. Beyond it, a connection of the others ends. */
export const waitingBytesMax = 32 * 1024 * 1024;

/** The bytes of one connection or request: read at once while there is time, otherwise in a later turn. */
export class PacedReading {
  readonly reader: TurnReader;
  private readonly turns: Turns;
  /** What waits to be read. Undefined: nothing does. */
  kept: Buffer[] | undefined = undefined;
  private usedMs = 0;
  private usedAt = 0;

  constructor(reader: TurnReader, turns: Turns) {
    this.reader = reader;
    this.turns = turns;
  }

  get isWaiting(): boolean {
    return this.kept !== undefined;
  }

  /** Takes what waits away from it, for another reader. */
  takeRest(): Buffer[] {
    const { kept = [] } = this;
    if (kept.length > 0) this.kept = [];
    for (const bytes of kept) this.turns.waitingBytes -= bytes.length;
    return kept;
  }

  take(bytes: Buffer): void {
    if (this.kept !== undefined) this.turns.keep(this, this.kept, bytes);
    else if (this.reader.connection.isKnown === true) this.reader.readNow(bytes);
    else this.turns.enter(this, bytes);
  }

  isLight(now: number): boolean {
    return this.usedMs - (now - this.usedAt) * lightShare < lightMsMax;
  }

  /** A known caller pays from other budgets. */
  use(ms: number, now: number): void {
    if (this.reader.connection.isKnown === true) return;
    this.usedMs = Math.max(0, this.usedMs - (now - this.usedAt) * lightShare) + ms;
    this.usedAt = now;
  }
}

/** The time is measured: what bytes cost is not known before they are read. */
export function createReadingTurns(): ReadingTurns {
  const turns = new Turns();
  return { open: (reader) => new PacedReading(reader, turns) };
}

/** What waits, by when it is read: small parts, callers that have used little, the others. */
const [smallRank, lightRank, heavyRank] = [0, 1, 2] as const;

class Turns {
  private waiting: PacedReading[][] = [[], [], []];
  private turnMs = 0;
  private isTurnScheduled = false;
  /** Requests are read within their connection's turn. */
  private isReading = false;
  private bulkLeftMs = bulkBurstMs;
  private countedAt = performance.now();
  private timer: NodeJS.Timeout | undefined = undefined;
  waitingBytes = 0;

  enter(reading: PacedReading, bytes: Buffer): void {
    if (this.isReading) {
      reading.reader.readNow(bytes);
      return;
    }
    const now = performance.now();
    const rank = rankOf(reading, bytes, now);
    const queue = this.waiting[rank]!;
    const mayRead = queue.length === 0 && this.turnMs < readingTurnMsMax;
    if (mayRead && (rank === smallRank || this.hasBulkTime(now))) {
      this.read(reading, bytes, now, rank);
      return;
    }
    reading.kept = [];
    reading.reader.pause();
    queue.push(reading);
    this.scheduleTurn();
    this.keep(reading, reading.kept, bytes);
  }

  keep(reading: PacedReading, kept: Buffer[], bytes: Buffer): void {
    kept.push(bytes);
    this.waitingBytes += bytes.length;
    if (this.waitingBytes <= waitingBytesMax) return;
    reading.takeRest();
    reading.reader.giveUp();
  }

  private read(reading: PacedReading, bytes: Buffer, from: number, rank: number): number {
    this.isReading = true;
    try {
      reading.reader.readNow(bytes);
    } finally {
      this.isReading = false;
      this.scheduleTurn();
    }
    const now = performance.now();
    const ms = now - from;
    this.turnMs += ms;
    if (rank !== smallRank) this.bulkLeftMs -= ms;
    reading.use(ms, now);
    return now;
  }

  private hasBulkTime(now: number): boolean {
    const left = this.bulkLeftMs + (now - this.countedAt) * bulkShare;
    this.bulkLeftMs = Math.min(bulkBurstMs, left);
    this.countedAt = now;
    return this.bulkLeftMs > 0;
  }

  private scheduleTurn(): void {
    if (this.isTurnScheduled) return;
    this.isTurnScheduled = true;
    setImmediate(this.nextTurn);
  }

  private readonly nextTurn = (): void => {
    this.isTurnScheduled = false;
    this.turnMs = 0;
    this.readWaiting(smallRank);
    if (this.hasBulkTime(performance.now())) {
      this.readWaiting(lightRank);
      this.readWaiting(heavyRank);
    }
    const [small, light, heavy] = this.waiting;
    if (small!.length > 0) this.scheduleTurn();
    else if (light!.length > 0 || heavy!.length > 0) this.awaitBulkTime();
  };

  /** One after the other has its turn, and joins the end of its queue if more of it waits. */
  private readWaiting(rank: number): void {
    const queue = this.waiting[rank]!;
    if (queue.length === 0) return;
    let now = performance.now();
    let read = 0;
    while (read < queue.length && this.turnMs < readingTurnMsMax) {
      if (rank !== smallRank && this.bulkLeftMs <= 0) break;
      const reading = queue[read]!;
      read += 1;
      const bytes = reading.kept!.shift();
      if (bytes !== undefined) {
        this.waitingBytes -= bytes.length;
        now = this.read(reading, bytes, now, rank);
      }
      this.goOn(reading, now);
    }
    this.waiting[rank] = this.waiting[rank]!.slice(read);
  }

  private goOn(reading: PacedReading, now: number): void {
    const [bytes] = reading.kept!;
    if (bytes !== undefined) this.waiting[rankOf(reading, bytes, now)]!.push(reading);
    else {
      reading.kept = undefined;
      reading.reader.resume();
    }
  }

  private awaitBulkTime(): void {
    if (this.bulkLeftMs > 0) {
      this.scheduleTurn();
      return;
    }
    if (this.timer !== undefined) return;
    const wake = (): void => {
      this.timer = undefined;
      this.scheduleTurn();
    };
    this.timer = setTimeout(wake, Math.max(waitMsMin, -this.bulkLeftMs / bulkShare));
    this.timer.unref();
  }
}

function rankOf(reading: PacedReading, bytes: Buffer, now: number): 0 | 1 | 2 {
  if (!reading.isLight(now)) return heavyRank;
  return bytes.length <= smallBytes ? smallRank : lightRank;
}
