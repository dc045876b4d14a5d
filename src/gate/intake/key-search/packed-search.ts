import type { ServiceError } from '../../../errors.ts';
import type { Producer } from '../authenticate.ts';
import type { Callers } from '../callers.ts';
import { inflate, type Inflation, type InflationSink } from '../inflation.ts';
import type { Turn } from '../keyless-turns.ts';
import { overloaded, type RequestMemory } from '../request-memory.ts';

/**
 * How much a body may inflate to before its key is found: more than usual bodies, whose JSON
 * shrinks to a 10th or 30th. Beyond this it needs one of a few places (callers.ts).
 */
export const inflatedBytesBase = 256 * 1024;
export const inflatedBytesFactor = 30;

/** After so many bytes another request has its turn. A smaller body is inflated once, and kept. */
export const quantumBytes = 64 * 1024;

/** The highest cost of a search: zlib, the scan, and the work around them. */
export const scanMsPerByte = 5e-6;
const scanMs = 0.15;

/** zlib's window and buffers. */
const inflationBytes = 48 * 1024;

/** Their windows are large, so they do not wait half way: only running ones hold their window. */
const largeWindows = new Set(['br', 'zstd']);

/** Receives the result. One of the two is called once, unless the memory is lost. */
export interface KeyFound {
  /** `inflated` is the whole body, if the search has inflated all of it. */
  onFound(producer: Producer, inflated: Buffer | undefined): void;
  onError(error: Error): void;
}

interface PackedSearchOptions extends KeyFound {
  readonly callers: Callers;
  readonly memory: RequestMemory;
  readonly bytesMax: number;
  readonly tooLarge: (bytes: number) => ServiceError;
  /** Looks through a part. Returns whose key has been found by now. */
  scan(bytes: Buffer): Producer | undefined;
  notFound(): Error;
}

/**
 * Inflates a body until its key is found, in the turns of its address. Only the result of a small
 * body is kept.
 */
export class PackedSearch implements Turn, InflationSink {
  readonly address: string;
  private readonly options: PackedSearchOptions;
  private readonly callers: Callers;
  private readonly memory: RequestMemory;
  /** A connection that had a valid key a moment ago does not wait behind those that had none. */
  private readonly isProven: boolean;
  private begun: (() => Inflation) | undefined;
  private inflation: Inflation | undefined = undefined;
  private producer: Producer | undefined = undefined;
  private kept: Buffer[] | undefined = [];
  private size = 0;
  private allowance = 0;
  private quantum = 0;
  private turnBytes = 0;
  private spentMs = 0;
  private isRunning = false;
  private isLarge = false;
  private isOver = false;

  constructor(options: PackedSearchOptions) {
    const { callers, memory } = options;
    this.options = options;
    this.callers = callers;
    this.memory = memory;
    this.address = memory.address;
    this.isProven = callers.proven.has(memory.connection);
  }

  begin(body: Buffer, encoding: string): void {
    const { memory, callers } = this;
    this.begun = () => inflate(body, encoding, this);
    this.allowance = inflatedBytesBase + inflatedBytesFactor * body.length;
    this.quantum = this.isProven || largeWindows.has(encoding) ? Infinity : quantumBytes;
    memory.stopWork = () => this.stop();
    if (memory.bytesHeld === 0 && !memory.add(body.length)) return;
    if (this.isProven) callers.inflations.take(this.run);
    else callers.turns.enter(this);
  }

  readonly run = (): void => {
    this.isRunning = true;
    if (this.inflation !== undefined) this.inflation.resume();
    else if (this.memory.add(inflationBytes)) this.inflation = this.begun!();
  };

  chunk(bytes: Buffer): void {
    this.size += bytes.length;
    this.turnBytes += bytes.length;
    if (this.size > this.options.bytesMax) this.fail(this.options.tooLarge(this.size));
    else if (this.keep(bytes)) this.look(bytes);
  }

  end(): void {
    if (this.producer === undefined) this.fail(this.options.notFound());
    else this.succeed(this.kept && Buffer.concat(this.kept, this.size));
  }

  fail(error: Error): void {
    this.stop();
    this.options.onError(error);
  }

  private keep(bytes: Buffer): boolean {
    if (this.size > quantumBytes) this.kept = undefined;
    if (this.kept === undefined) return true;
    this.kept.push(bytes);
    return this.memory.add(bytes.length);
  }

  private look(bytes: Buffer): void {
    const { callers, memory } = this;
    if (this.producer === undefined) {
      this.producer = this.options.scan(bytes);
      if (this.producer !== undefined) memory.becomeKeyed(this.producer);
    }
    if (this.isOver) return;
    // A small body ends in a moment. A large body is inflated again, as a keyed one.
    if (this.producer !== undefined) {
      if (this.kept === undefined) this.succeed(undefined);
    } else if (this.size > this.allowance && !this.takeLarge()) {
      callers.limited('keyless_scan', this.address);
      this.fail(overloaded());
    } else if (this.turnBytes >= this.quantum) {
      this.inflation!.pause();
      this.leaveTurn();
      callers.turns.enter(this);
    }
  }

  private takeLarge(): boolean {
    this.isLarge ||= this.callers.takeLargeScan();
    return this.isLarge;
  }

  private succeed(inflated: Buffer | undefined): void {
    this.stop();
    if (!this.isProven) this.callers.turns.giveBack(this.spentMs);
    this.options.onFound(this.producer!, inflated);
  }

  private leaveTurn(): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    if (this.isProven) {
      this.callers.inflations.free();
      return;
    }
    const costMs = this.turnBytes * scanMsPerByte + (this.spentMs === 0 ? scanMs : 0);
    this.turnBytes = 0;
    this.spentMs += costMs;
    this.callers.turns.done(costMs);
  }

  private stop(): void {
    if (this.isOver) return;
    this.isOver = true;
    const { callers, memory } = this;
    memory.stopWork = undefined;
    this.inflation?.stop();
    this.kept = undefined;
    if (this.isLarge) callers.freeLargeScan();
    if (this.isRunning) this.leaveTurn();
    else if (this.isProven) callers.inflations.leave(this.run);
    else callers.turns.leave(this);
  }
}
