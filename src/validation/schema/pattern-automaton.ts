/**
 * A regular expression as an automaton without empty moves (Glushkov's): one position for each
 * character the expression names, and a move from each position to those that can come next. Two
 * ways to match the same text are two paths here, which is what makes backtracking slow.
 */
export interface PatternAutomaton {
  /** What each position matches: one bit for each ASCII character, and one for all others. */
  readonly masks: readonly bigint[];
  /** The next positions of each position. A position that two ways reach is listed twice. */
  readonly moves: readonly (readonly number[])[];
  /** The number of optional parts (`?`). Each doubles the ways to match. */
  readonly optionalParts: number;
}

/** The reason for refusing an expression. Pattern checks catch it. */
export class PatternRefusal extends Error {
  override readonly name = 'PatternRefusal';
}

/**
 * A part of the expression: the positions where it can begin and end, and whether it can be empty.
 */
interface Part {
  readonly nullable: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/**
 * Every pair of positions is compared: 200 positions make 40,000 pairs, a few milliseconds at load.
 */
const positionsMax = 200;
/** `{8}` and shorter are expanded exactly; longer repeats are treated as open ones. */
const copiesMax = 8;
const asciiCount = 128;
const everything = (1n << BigInt(asciiCount + 1)) - 1n;
/** Samples of several scripts, to test whether a class matches characters beyond ASCII. */
const beyondAscii = [...'\u0085\u00a0éßЖΩאا中あ\u2028😀'];

const empty: Part = { nullable: true, first: [], last: [] };

/** The state of the parser: its position and what it has built. */
interface Reading {
  readonly source: string;
  readonly masks: bigint[];
  readonly moves: number[][];
  at: number;
  groupsOpen: number;
  /** Whether every way to match begins with `^`. */
  anchored: boolean;
  optionalParts: number;
}

/** Parses an expression. Throws PatternRefusal if its time cannot be bounded. */
export function readPattern(source: string): PatternAutomaton {
  const reading: Reading = {
    source,
    masks: [],
    moves: [],
    at: 0,
    groupsOpen: 0,
    anchored: source.startsWith('^'),
    optionalParts: 0,
  };
  const whole = readAlternatives(reading);
  // Without `^` the engine tries every position of the text, as if the pattern began with `.*`.
  if (!reading.anchored) {
    connect(reading, repeat(reading, addPosition(reading, everything)).last, whole.first);
  }
  return reading;
}

function readAlternatives(reading: Reading): Part {
  let whole = readTerms(reading);
  while (reading.source[reading.at] === '|') {
    reading.at++;
    if (reading.groupsOpen === 0) reading.anchored = false;
    const other = readTerms(reading);
    whole = {
      nullable: whole.nullable || other.nullable,
      first: [...whole.first, ...other.first],
      last: [...whole.last, ...other.last],
    };
  }
  return whole;
}

function readTerms(reading: Reading): Part {
  const { source } = reading;
  let whole = empty;
  while (reading.at < source.length && source[reading.at] !== '|' && source[reading.at] !== ')') {
    whole = sequence(reading, whole, readQuantified(reading));
  }
  return whole;
}

function readQuantified(reading: Reading): Part {
  const start = reading.at;
  let part = readAtom(reading);
  const [min, max, length] = quantifierAt(reading.source, reading.at);
  if (length === 0) return part;
  const end = reading.at + length;
  if (max > 1 && part.nullable) throw new PatternRefusal('it repeats a part that may be empty');
  if (max > 1 && min === max && max <= copiesMax) {
    for (let copy = 1; copy < max; copy++) {
      reading.at = start;
      part = sequence(reading, part, readAtom(reading));
    }
  } else if (max > 1) {
    part = repeat(reading, part);
  }
  reading.at = end;
  if (min > 0) return part;
  if (max === 1) reading.optionalParts++;
  return { ...part, nullable: true };
}

function readAtom(reading: Reading): Part {
  if (reading.source[reading.at] === '(') return readGroup(reading);
  const text = atomAt(reading.source, reading.at);
  reading.at += text.length;
  if (text === '^' || text === '$' || text === '\\b' || text === '\\B') return empty;
  if (/^\\[1-9k]/.test(text)) throw new PatternRefusal('it refers back to a group');
  return addPosition(reading, maskOf(text));
}

function readGroup(reading: Reading): Part {
  const opening = /^\((?:\?:|\?<[A-Za-z_$][\w$]*>|(?!\?))/.exec(reading.source.slice(reading.at));
  if (opening === null) throw new PatternRefusal('it looks ahead or behind, or sets flags');
  reading.at += opening[0].length;
  reading.groupsOpen++;
  const part = readAlternatives(reading);
  reading.groupsOpen--;
  reading.at++;
  return part;
}

function addPosition({ masks, moves }: Reading, mask: bigint): Part {
  if (masks.length >= positionsMax) {
    throw new PatternRefusal(`it names more than ${positionsMax} characters and classes`);
  }
  masks.push(mask);
  moves.push([]);
  const position = masks.length - 1;
  return { nullable: false, first: [position], last: [position] };
}

function connect({ moves }: Reading, from: readonly number[], to: readonly number[]): void {
  for (const start of from) moves[start]!.push(...to);
}

function sequence(reading: Reading, left: Part, right: Part): Part {
  connect(reading, left.last, right.first);
  return {
    nullable: left.nullable && right.nullable,
    first: left.nullable ? [...left.first, ...right.first] : left.first,
    last: right.nullable ? [...left.last, ...right.last] : right.last,
  };
}

function repeat(reading: Reading, part: Part): Part {
  connect(reading, part.last, part.first);
  return part;
}

function quantifierAt(source: string, at: number): readonly [number, number, number] {
  const match = /^(?:[*+?]|\{(\d+)(,(\d*))?\})\??/.exec(source.slice(at, at + 24));
  if (match === null) return [1, 1, 0];
  const length = match[0].length;
  if (match[0].startsWith('*')) return [0, Infinity, length];
  if (match[0].startsWith('+')) return [1, Infinity, length];
  if (match[0].startsWith('?')) return [0, 1, length];
  const min = Number(match[1]);
  if (match[2] === undefined) return [min, min, length];
  return [min, match[3] === '' ? Infinity : Number(match[3]), length];
}

/** The text of the character, escape or class at this position. */
function atomAt(source: string, at: number): string {
  const rest = source.slice(at);
  const shapes = [
    /^\[(?:\\.|[^\]\\])*\]/su,
    /^\\(?:u\{[0-9a-f]+\}|u[0-9a-f]{4}|x[0-9a-f]{2}|c[a-z]|[pP]\{[^}]*\}|k<[^>]*>|[1-9]\d*|.)/isu,
    /^./su,
  ];
  for (const shape of shapes) {
    const match = shape.exec(rest);
    if (match !== null) return match[0];
  }
  throw new PatternRefusal('it cannot be read');
}

/** The characters that a class matches, tested with the engine itself. */
function maskOf(text: string): bigint {
  const expression = new RegExp(`^${text}$`, 'su');
  let mask = 0n;
  for (let code = 0; code < asciiCount; code++) {
    if (expression.test(String.fromCharCode(code))) mask |= 1n << BigInt(code);
  }
  // A class that names characters beyond ASCII one by one may miss every sample.
  // oxlint-disable-next-line no-control-regex
  const namesOthers = /[^\x00-\x7f]|\\[upPx]/.test(text);
  if (namesOthers || beyondAscii.some((sample) => expression.test(sample))) {
    mask |= 1n << BigInt(asciiCount);
  }
  return mask;
}
