import { isUtf8 } from 'node:buffer';

import { ServiceError } from '../../errors.ts';
import type { JsonValue } from '../../event/json/json.ts';
import { parseJson } from './parse-body.ts';
import { isMemberBehind, splitBatch, type BatchSplit } from './split-batch.ts';

/** An element of a batch that cannot be read. */
export interface BrokenElement {
  /** As sent. */
  readonly bytes: Uint8Array;
  readonly message: string;
}

/** A body with several events. */
export interface BatchBody {
  /** Valid JSON, with `null` in place of each broken element. */
  readonly text: string;
  readonly value: JsonValue;
  /** The broken elements by their index in the batch. */
  readonly broken: ReadonlyMap<number, BrokenElement>;
}

const lostEnd =
  'No end of this event can be found: a quote or a bracket is missing in it. It and all that follows ' +
  'in the body is rejected as one event.';

/**
 * Reads a body of JSON that is wrong in some of its elements, each on its own.
 *
 * An element without an end is the last: it holds the rest of the body, the members of the request among
 * it.
 *
 * @param memberName of the array; undefined: the body is the array.
 * @param checkSize throws if there are too many events.
 * @returns undefined if the request itself is no JSON, or no event before the lost end can be read.
 */
export function readBrokenBatch(
  body: Buffer,
  memberName: string | undefined,
  eventsMax: number,
  checkSize: (count: number) => void,
): BatchBody | undefined {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  const bytes = hasMark ? body.subarray(3) : body;
  const text = bytes.toString('latin1');
  const split = splitBatch(text, memberName, eventsMax);
  if (split === undefined || split.count === 0) return undefined;
  const { close } = split;
  // A second array with that name would count instead of the first.
  if (close !== undefined && memberName !== undefined && isMemberBehind(text, close, memberName)) {
    return undefined;
  }
  checkSize(split.count);
  const parts = readElements(bytes, split);
  if (close !== undefined) {
    const whole = joined(bytes, split, parts, bytes.subarray(close));
    if (whole !== undefined) return whole;
    // What is wrong behind the array may hide such a second one.
    if (memberName !== undefined && bytes.includes(`"${memberName}"`, close)) return undefined;
  }
  const lost =
    close === undefined
      ? split.elements.length - 1
      : split.elements.findIndex(({ isUnbalanced }) => isUnbalanced);
  return withoutRest(bytes, split, parts, lost, memberName === undefined ? ']' : ']}');
}

type ElementPart = string | BrokenElement;

function readElements(bytes: Buffer, { elements }: BatchSplit): ElementPart[] {
  return elements.map(({ start, end }) => {
    if (start === end) {
      return { bytes: Buffer.from(','), message: 'There is a comma too many: no event is here.' };
    }
    const element = bytes.subarray(start, end);
    if (!isUtf8(element)) return { bytes: element, message: 'The event is not UTF-8.' };
    const text = element.toString('utf8');
    try {
      parseJson(text);
      return text;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return { bytes: element, message: error.message.replace('The body', 'The event') };
    }
  });
}

/** Undefined if the text around the elements is not JSON. */
function joined(
  bytes: Buffer,
  { start }: BatchSplit,
  parts: readonly ElementPart[],
  tail: Buffer,
): BatchBody | undefined {
  const head = bytes.subarray(0, start);
  if (!isUtf8(head) || !isUtf8(tail)) return undefined;
  const texts = parts.map((part) => (typeof part === 'string' ? part : 'null'));
  const text = `${head.toString('utf8')}${texts.join(',')}${tail.toString('utf8')}`;
  try {
    const value = parseJson(text);
    const broken = parts.flatMap((part, index) =>
      typeof part === 'string' ? [] : [[index, part] as const],
    );
    return broken.length === 0 ? undefined : { text, value, broken: new Map(broken) };
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

function withoutRest(
  bytes: Buffer,
  split: BatchSplit,
  parts: readonly ElementPart[],
  lost: number,
  tail: string,
): BatchBody | undefined {
  // An element that can be read has an end: then the request itself is cut short.
  if (lost < 0 || typeof parts[lost] === 'string') return undefined;
  const before = parts.slice(0, lost);
  if (!before.some((part) => typeof part === 'string' && part.startsWith('{'))) return undefined;
  const rest = bytes.subarray(split.elements[lost]!.start);
  // What was only to be validated must not be stored because the member that says so is lost.
  if (/"validate(?:_only|Only)"/.test(unescaped(rest.toString('latin1')))) return undefined;
  return joined(bytes, split, [...before, { bytes: rest, message: lostEnd }], Buffer.from(tail));
}

/** A text of JSON with its `\u` escapes undone: enough to find a name in it. */
function unescaped(text: string): string {
  return text.replaceAll(/\\u([0-9a-f]{4})/gi, (_escape, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
