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

const places = Object.fromEntries(storedMembers.map(([name]) => [name, placeOf(name)])) as Record<
  MemberName,
  number
>;

/** Throws if a payload is not what its block was made of. */
export function createLotEvents(blocks: readonly StoredBlock[], oddEvents: OddEvents): LotEvents {
  const count = blocks.reduce((sum, { events }) => sum + events, 0);
  const firsts = firstsOf(blocks);
  const starts = new Int32Array(memberCount);
  /** Made when a text of the block is asked for. */
  const blockTexts: TextOf[] = [];
  const sources: ByteSource[] = [];
  const cutEvent = newCutEvent(starts);
  const found: BytesPart = { bytes: new Uint8Array(), start: 0, end: 0 };
  let block = blocks[0]!;
  let blockAt = 0;
  let index = 0;
  /** Of an event that could not be cut. */
  let odd: OddMembers | undefined;
  /** Whether the members are known: not every pass asks for one. */
  let isFound = false;

  const startOf = (): number => (index === 0 ? 0 : block.ends[index - 1]!);
  const lengthOf = (member: number): number => block.lengths[index * memberCount + member]!;
  const payload = (): Uint8Array => block.payloads.subarray(startOf(), block.ends[index]);
  const findAll = (): void => {
    isFound = true;
    odd = lengthOf(0) === 0 ? readOdd(oddEvents, payload()) : undefined;
    if (odd === undefined) findMembers(startOf(), block.lengths, index * memberCount, starts);
  };

  const textOf = (name: MemberName): string => {
    if (!isFound) findAll();
    if (odd !== undefined) return odd[name] ?? '';
    const member = places[name];
    const length = lengthOf(member);
    if (length === 0) return '';
    const text = (blockTexts[blockAt] ??= textsOf(block));
    return text(starts[member]!, starts[member]! + length);
  };

  return {
    count,
    go(place) {
      while (place < firsts[blockAt]!) blockAt -= 1;
      while (place >= firsts[blockAt + 1]!) blockAt += 1;
      block = blocks[blockAt]!;
      index = place - firsts[blockAt]!;
      isFound = false;
    },
    text: textOf,
    value(name) {
      const found = textOf(name);
      // `cutEvent` cuts no event with an empty text.
      return found === '' && odd?.[name] === undefined ? null : found;
    },
    part(name) {
      if (!isFound) findAll();
      if (odd !== undefined) return partOf(odd[name] ?? '');
      const member = places[name];
      found.bytes = block.payloads;
      found.start = starts[member]!;
      found.end = found.start + lengthOf(member);
      return found;
    },
    cut() {
      if (!isFound) findAll();
      if (odd !== undefined) return undefined;
      cutEvent.source = sources[blockAt] ??= byteSource(block.payloads);
      return moveTo(cutEvent, block, index, startOf());
    },
    texts() {
      if (!isFound) findAll();
      return odd === undefined ? textsOfAll(this) : { ...noMembers(), ...odd };
    },
    payloadText: () => lineOf(payload()),
    sequence: () => block.sequences[index]!,
    deliveredAt: () => block.deliveredAt,
    isWhole: () => block.isWhole,
  };
}

function newCutEvent(starts: Int32Array): CutEvent {
  const ends = new Int32Array(memberCount);
  return { source: byteSource(new Uint8Array()), start: 0, end: 0, starts, ends };
}

function moveTo(
  cut: CutEvent,
  { lengths, ends }: StoredBlock,
  index: number,
  start: number,
): CutEvent {
  cut.start = start;
  cut.end = ends[index]!;
  for (let member = 0; member < memberCount; member += 1) {
    cut.ends[member] = cut.starts[member]! + lengths[index * memberCount + member]!;
  }
  return cut;
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

function textsOfAll(events: LotEvents): PayloadMembers {
  const texts = noMembers();
  for (const [name] of storedMembers) texts[name] = events.text(name);
  return texts;
}

/** The place of the first event of each block, and after them the number of all events. */
function firstsOf(blocks: readonly StoredBlock[]): number[] {
  const firsts = [0];
  for (const { events } of blocks) firsts.push(firsts.at(-1)! + events);
  return firsts;
}

type TextOf = (start: number, end: number) => string;

/** Texts of a block. While all of it is ASCII, they are parts of one text. */
function textsOf({ payloads }: StoredBlock): TextOf {
  const bytes = Buffer.from(payloads.buffer, payloads.byteOffset, payloads.length);
  if (!isAscii(bytes)) return (start, end) => bytes.toString('utf8', start, end);
  const all = bytes.toString('latin1');
  return (start, end) => all.slice(start, end);
}
