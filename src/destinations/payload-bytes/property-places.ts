import { plainEnd } from '../../event/json/find-json.ts';
import { brace, braceEnd, colon, comma, quote } from '../../event/json/json-codes.ts';
import { found, valueEnd } from './json-bytes.ts';

/** The properties of payloads that have columns, as places in the bytes of the payload that was read last. */
export interface PropertyPlaces {
  /**
   * Reads properties. Returns where they end; -1 if they are not an object without spaces, or have a name with an
   * escape or a property twice.
   */
  read(bytes: Uint8Array, start: number): number;
  /** Forgets the payload before, for one that has no properties. */
  clear(): void;
  /** Counts payloads: a property with another count is of an earlier one. */
  turn(): number;
  /** The property of each column; undefined if rows of this version leave it empty. */
  readonly columns: readonly (PropertyPlace | undefined)[];
}

/** A property: where its value is, and what `found` says of it. */
export interface PropertyPlace {
  /** That of its reader, if the payload that was read last has it. */
  turn: number;
  start: number;
  end: number;
  isCanonical: boolean;
  hasOddNumber: boolean;
  isShort: boolean;
  mantissa: number;
  fraction: number;
}

/** A name on the way to columns. */
interface NameNode {
  /** In UTF-8. */
  readonly name: Uint8Array;
  /** Undefined if no column is of this value itself. */
  place: PropertyPlace | undefined;
  readonly children: NameNode[];
  /** By their names, a character for a byte. */
  readonly byName: Map<string, NameNode>;
  /** The child that came after this one in the payload before: most events have one order. */
  next: NameNode | undefined;
  /** The child that came first. */
  first: NameNode | undefined;
  turn: number;
}

function newNode(name: string): NameNode {
  return {
    name: Buffer.from(name),
    place: undefined,
    children: [],
    byName: new Map(),
    next: undefined,
    first: undefined,
    turn: 0,
  };
}

/** @param paths of the columns; undefined for those that rows of this version leave empty. */
export function createPropertyPlaces(
  paths: readonly (readonly string[] | undefined)[],
): PropertyPlaces {
  const root = newNode('');
  let turn = 0;
  const columns = paths.map((path) => path && placeIn(root, path));

  /** Reads the members of an object. Returns what comes after it, or -1. */
  const readObject = (bytes: Uint8Array, start: number, of: NameNode): number => {
    let at = start + 1;
    if (bytes[at] === braceEnd) return at + 1;
    let before: NameNode | undefined;
    for (;;) {
      if (bytes[at] !== quote) return -1;
      const nameStart = at + 1;
      const nameEnd = plainEnd(bytes, nameStart, bytes.length);
      if (nameEnd === -1 || bytes[nameEnd + 1] !== colon) return -1;
      const expected = before === undefined ? of.first : before.next;
      let node = expected;
      if (node === undefined || !isNamed(node, bytes, nameStart, nameEnd)) {
        node = childOf(of, bytes, nameStart, nameEnd);
        if (node !== undefined && before === undefined) of.first = node;
        else if (node !== undefined && before !== undefined) before.next = node;
      }
      at = node === undefined ? valueEnd(bytes, nameEnd + 2) : readMember(bytes, nameEnd + 2, node);
      if (at === -1) return -1;
      before = node ?? before;
      const next = bytes[at];
      at += 1;
      if (next === braceEnd) return at;
      if (next !== comma) return -1;
    }
  };

  const readMember = (bytes: Uint8Array, start: number, node: NameNode): number => {
    // The last of two values counts, and nothing of the first.
    if (node.turn === turn) return -1;
    node.turn = turn;
    const { place } = node;
    if (node.children.length > 0 && bytes[start] === brace) {
      // A column of the whole object and others of its members: only one of these is read here.
      return place === undefined ? readObject(bytes, start, node) : -1;
    }
    const end = valueEnd(bytes, start);
    if (place === undefined) return end;
    place.turn = turn;
    place.start = start;
    place.end = end;
    place.isCanonical = found.isCanonical;
    place.hasOddNumber = found.hasOddNumber;
    place.isShort = found.isShort;
    place.mantissa = found.mantissa;
    place.fraction = found.fraction;
    return end;
  };

  return {
    columns,
    turn: () => turn,
    clear: () => void (turn += 1),
    read(bytes, start) {
      turn += 1;
      return bytes[start] === brace ? readObject(bytes, start, root) : -1;
    },
  };
}

function placeIn(root: NameNode, path: readonly string[]): PropertyPlace {
  let node = root;
  for (const name of path) {
    const key = Buffer.from(name).toString('latin1');
    let child = node.byName.get(key);
    if (child === undefined) {
      child = newNode(name);
      node.children.push(child);
      node.byName.set(key, child);
    }
    node = child;
  }
  node.place ??= {
    turn: 0,
    start: 0,
    end: 0,
    isCanonical: false,
    hasOddNumber: false,
    isShort: false,
    mantissa: 0,
    fraction: 0,
  };
  return node.place;
}

function isNamed({ name }: NameNode, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let index = 0; index < name.length; index += 1) {
    if (bytes[start + index] !== name[index]) return false;
  }
  return true;
}

/** So many children are compared one by one: it takes less time than to make a text of the name. */
const comparedMax = 6;

function childOf(
  of: NameNode,
  bytes: Uint8Array,
  start: number,
  end: number,
): NameNode | undefined {
  if (of.children.length <= comparedMax) {
    return of.children.find((child) => isNamed(child, bytes, start, end));
  }
  const { buffer, byteOffset } = bytes;
  return of.byName.get(Buffer.from(buffer, byteOffset + start, end - start).toString('latin1'));
}
