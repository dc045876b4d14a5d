import { isAscii } from 'node:buffer';
import { noMembers, storedMembers, type PayloadMembers } from '../../payload-members.ts';
import { byteSource, type ByteSource } from '../encode/growing-bytes.ts';
import type { StoredBlock } from './blocks.ts';
import { findMembers, memberCount, placeOf, type MemberName } from './cut-event.ts';
import type { OddEvents, OddMembers } from './odd-events.ts';

/** Bytes of a larger buffer. */
export interface BytesPart {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** An event in the bytes of its block. Those of the next event take its place. */
export interface CutEvent {
  source: ByteSource;
  /** Of the payload. */
  start: number;
  end: number;
  /** Where each member begins and ends (`placeOf`): at one place if the event does not have it. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * The events of some blocks, read one at a time: `go` moves to one, and everything else is about that. No objects are
 * made of an event.
 */
export interface LotEvents {
  readonly count: number;
  go(place: number): void;
  /** A member as it is in the payload: without the quotes of a text. Empty if the event has none. */
  text(name: MemberName): string;
  /** The same, but null if the event has none. */
  value(name: MemberName): string | null;
  /** The same as UTF-8. Valid until the next call. */
  part(name: MemberName): BytesPart;
  /** All members, as UTF-8. Undefined if the payload has none that can be read so. */
  cut(): CutEvent | undefined;
  /** All members, as texts. */
  texts(): PayloadMembers;
  /** The payload in one line: its line feeds, which JSON has between tokens only, are spaces. */
  payloadText(): string;
  sequence(): number;
  /** Of its batch. */
  deliveredAt(): string;
  isWhole(): boolean;
}

const noBytes = byteSource(new Uint8Array());

const noBlock: StoredBlock = {
  events: 0,
  payloads: noBytes.bytes,
  ends: new Uint32Array(),
  sequences: new Float64Array(),
  lengths: new Uint16Array(),
  deliveredAt: '',
  isWhole: false,
};

const places = Object.fromEntries(storedMembers.map(([name]) => [name, placeOf(name)])) as Record<
  MemberName,
  number
>;

/** Throws if a payload is not what its block was made of. */
export function createLotEvents(blocks: readonly StoredBlock[], oddEvents: OddEvents): LotEvents {
  return new BlockEvents(blocks, oddEvents);
}

class BlockEvents implements LotEvents {
  readonly count: number;

  private readonly blocks: readonly StoredBlock[];
  private readonly oddEvents: OddEvents;
  private readonly firsts: readonly number[];
  private readonly found: BytesPart = { bytes: noBytes.bytes, start: 0, end: 0 };
  private readonly cutMembers: CutEvent = {
    source: noBytes,
    start: 0,
    end: 0,
    starts: new Int32Array(memberCount),
    ends: new Int32Array(memberCount),
  };
  // Of the block.
  private blockAt = -1;
  private block = noBlock;
  private ends = noBlock.ends;
  private lengths = noBlock.lengths;
  private source = noBytes;
  private readText: TextOf | undefined;
  // Of the event.
  private index = 0;
  /** If it could not be cut. */
  private odd: OddMembers | undefined;
  /** Whether the members are known: not every pass asks for one. */
  private isFound = false;

  constructor(blocks: readonly StoredBlock[], oddEvents: OddEvents) {
    this.blocks = blocks;
    this.oddEvents = oddEvents;
    this.firsts = firstsOf(blocks);
    this.count = this.firsts.at(-1)!;
    if (this.count > 0) this.enter(0);
  }

  go(place: number): void {
    const { firsts } = this;
    if (place < firsts[this.blockAt]! || place >= firsts[this.blockAt + 1]!) {
      let at = this.blockAt;
      while (place < firsts[at]!) at -= 1;
      while (place >= firsts[at + 1]!) at += 1;
      this.enter(at);
    }
    this.index = place - firsts[this.blockAt]!;
    this.isFound = false;
  }

  private enter(blockAt: number): void {
    const block = this.blocks[blockAt]!;
    this.blockAt = blockAt;
    this.block = block;
    this.ends = block.ends;
    this.lengths = block.lengths;
    this.source = byteSource(block.payloads);
    this.readText = undefined;
  }

  text(name: MemberName): string {
    if (!this.isFound) this.findAll();
    if (this.odd !== undefined) return this.odd[name] ?? '';
    const member = places[name];
    const length = this.lengthOf(member);
    if (length === 0) return '';
    const start = this.cutMembers.starts[member]!;
    return (this.readText ??= textsOf(this.source.bytes))(start, start + length);
  }

  value(name: MemberName): string | null {
    const found = this.text(name);
    // `cutEvent` cuts no event with an empty text.
    return found === '' && this.odd?.[name] === undefined ? null : found;
  }

  part(name: MemberName): BytesPart {
    if (!this.isFound) this.findAll();
    if (this.odd !== undefined) return partOf(this.odd[name] ?? '');
    const member = places[name];
    const { found } = this;
    found.bytes = this.source.bytes;
    found.start = this.cutMembers.starts[member]!;
    found.end = found.start + this.lengthOf(member);
    return found;
  }

  cut(): CutEvent | undefined {
    if (!this.isFound) this.findAll();
    if (this.odd !== undefined) return undefined;
    const { cutMembers, lengths } = this;
    const { starts, ends } = cutMembers;
    cutMembers.source = this.source;
    cutMembers.start = this.startOf();
    cutMembers.end = this.ends[this.index]!;
    const first = this.index * memberCount;
    for (let member = 0; member < memberCount; member += 1) {
      ends[member] = starts[member]! + lengths[first + member]!;
    }
    return cutMembers;
  }

  texts(): PayloadMembers {
    if (!this.isFound) this.findAll();
    if (this.odd !== undefined) return { ...noMembers(), ...this.odd };
    const texts = noMembers();
    for (const [name] of storedMembers) texts[name] = this.text(name);
    return texts;
  }

  payloadText(): string {
    return lineOf(this.payload());
  }

  sequence(): number {
    return this.block.sequences[this.index]!;
  }

  deliveredAt(): string {
    return this.block.deliveredAt;
  }

  isWhole(): boolean {
    return this.block.isWhole;
  }

  private startOf(): number {
    return this.index === 0 ? 0 : this.ends[this.index - 1]!;
  }

  private lengthOf(member: number): number {
    return this.lengths[this.index * memberCount + member]!;
  }

  private payload(): Uint8Array {
    return this.source.bytes.subarray(this.startOf(), this.ends[this.index]);
  }

  private findAll(): void {
    this.isFound = true;
    this.odd = this.lengthOf(0) === 0 ? readOdd(this.oddEvents, this.payload()) : undefined;
    if (this.odd !== undefined) return;
    findMembers(this.startOf(), this.lengths, this.index * memberCount, this.cutMembers.starts);
  }
}

function readOdd(events: OddEvents, payload: Uint8Array): OddMembers {
  const read = events.read(payload);
  if (typeof read === 'string') throw new Error(`an event of the spool is damaged: ${read}`);
  return read;
}

function lineOf(payload: Uint8Array): string {
  const text = Buffer.from(payload).toString();
  return text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\n\r]/g, ' ') : text;
}

function partOf(text: string): BytesPart {
  const bytes = Buffer.from(text);
  return { bytes, start: 0, end: bytes.length };
}

/** The place of the first event of each block, and after them the number of all events. */
function firstsOf(blocks: readonly StoredBlock[]): number[] {
  const firsts = [0];
  for (const { events } of blocks) firsts.push(firsts.at(-1)! + events);
  return firsts;
}

type TextOf = (start: number, end: number) => string;

/** Texts of a block. While all of it is ASCII, they are parts of one text. */
function textsOf(bytes: Buffer): TextOf {
  if (!isAscii(bytes)) return (start, end) => bytes.toString('utf8', start, end);
  const all = bytes.toString('latin1');
  return (start, end) => all.slice(start, end);
}

/**
 * V8 discards the compiled code of a class when its last instance is gone, and a lot has one instance: without another,
 * all that reads events would be compiled again for each lot.
 */
export const noEvents: LotEvents = new BlockEvents([], { read: () => ({}) });
