import { PatternRefusal, readPattern, type PatternAutomaton } from './pattern-automaton.ts';

/** The longest text that a pattern runs on. A longer text has already broken its maxLength. */
export const patternSubjectMax = 1024;

/** Two open repeats over the same characters take at most 1024² / 2 steps, a few milliseconds. */
const overlappingRepeatsMax = 2;
/** At most 2^8 ways to match. */
const optionalPartsMax = 8;
/** The longest pattern, in characters. */
const patternLengthMax = 512;

/**
 * The reason why a pattern could hang the gate; undefined if its time is bounded.
 *
 * A backtracking engine is slow if a text can match in many ways, so the ways are counted on the
 * automaton. They are exponentially many if one loop can read the same text by two paths, and the
 * text length to the power of n if n loops in a row can read each other's text.
 */
export function patternDanger(source: string): string | undefined {
  if (source.length > patternLengthMax) return `it is longer than ${patternLengthMax} characters`;
  try {
    // Throws if it is not a regular expression. readPattern relies on a valid one.
    void new RegExp(source, 'u');
  } catch {
    return 'it is not a regular expression';
  }
  try {
    return automatonDanger(readPattern(source));
  } catch (error) {
    if (error instanceof PatternRefusal) return error.message;
    throw error;
  }
}

/**
 * The most steps that a safe pattern takes on a text of a given length: the length to the power of
 * its overlapping repeats, times the number of choices of its optional parts.
 */
export function patternSteps(source: string): (length: number) => number {
  // Cached, because each schema is compiled twice.
  let steps = knownSteps.get(source);
  if (steps === undefined) {
    if (knownSteps.size >= stepsRememberedMax) knownSteps.clear();
    knownSteps.set(source, (steps = stepsOf(source)));
  }
  return steps;
}

const stepsRememberedMax = 5000;
const knownSteps = new Map<string, (length: number) => number>();

function stepsOf(source: string): (length: number) => number {
  let quadratic = false;
  let ways = 1;
  try {
    const automaton = readPattern(source);
    const loops = componentsOf(automaton.masks.length, (position) => automaton.moves[position]!);
    quadratic = repeatsInARow(automaton, loops) > 1;
    ways = 2 ** Math.min(automaton.optionalParts, optionalPartsMax);
  } catch {
    // checkSchemaSafety refuses a pattern that cannot be parsed.
  }
  return quadratic ? (length) => ((length * length) / 2) * ways + 1 : (length) => length * ways + 1;
}

function automatonDanger(automaton: PatternAutomaton): string | undefined {
  const { masks, moves } = automaton;
  const loops = componentsOf(masks.length, (position) => moves[position]!);
  if (loopIsAmbiguous(automaton, loops)) {
    return 'a repeat inside of a repeat, or a choice in one, can match the same text in many ways';
  }
  if (repeatsInARow(automaton, loops) > overlappingRepeatsMax) {
    return `more than ${overlappingRepeatsMax} open repeats in a row match the same characters`;
  }
  if (automaton.optionalParts > optionalPartsMax) {
    return `it has more than ${optionalPartsMax} optional parts`;
  }
  return undefined;
}

/** Whether some text leads from a position back to itself along two different paths. */
function loopIsAmbiguous({ masks, moves }: PatternAutomaton, loops: readonly number[]): boolean {
  const count = masks.length;
  const inside = moves.map((targets, from) => targets.filter((to) => loops[to] === loops[from]));
  if (inside.some((targets) => new Set(targets).size < targets.length)) return true;
  const pairs = componentsOf(count * count, (pair) => {
    const left = Math.floor(pair / count);
    const right = pair % count;
    if (loops[left] !== loops[right]) return [];
    const next: number[] = [];
    for (const toLeft of inside[left]!) {
      for (const toRight of inside[right]!) {
        if ((masks[toLeft]! & masks[toRight]!) !== 0n) next.push(toLeft * count + toRight);
      }
    }
    return next;
  });
  const together = new Set<number>();
  for (let position = 0; position < count; position++) {
    together.add(pairs[position * count + position]!);
  }
  return pairs.some(
    (component, pair) => Math.floor(pair / count) !== pair % count && together.has(component),
  );
}

/** The longest chain of loops in which each loop can also read the text that leads to the next. */
function repeatsInARow({ masks, moves }: PatternAutomaton, loops: readonly number[]): number {
  const alphabets = new Map<number, bigint>();
  for (const [from, targets] of moves.entries()) {
    const loop = loops[from]!;
    if (!targets.some((to) => loops[to] === loop)) continue;
    alphabets.set(loop, (alphabets.get(loop) ?? 0n) | masks[from]!);
  }
  const lengths = new Map<number, number>();
  function chainFrom(loop: number): number {
    const known = lengths.get(loop);
    if (known !== undefined) return known;
    const alphabet = alphabets.get(loop)!;
    const waiting = [...loops.keys()].filter((position) => loops[position] === loop);
    const seen = new Set(waiting);
    let longest = 0;
    for (let position = waiting.pop(); position !== undefined; position = waiting.pop()) {
      for (const to of moves[position]!) {
        if (seen.has(to) || (masks[to]! & alphabet) === 0n) continue;
        seen.add(to);
        waiting.push(to);
        if (alphabets.has(loops[to]!)) longest = Math.max(longest, chainFrom(loops[to]!));
      }
    }
    lengths.set(loop, longest + 1);
    return longest + 1;
  }
  return Math.max(0, ...[...alphabets.keys()].map(chainFrom));
}

/**
 * The strongly connected component of each node (Tarjan's algorithm), with an explicit stack: the
 * graph of pairs is deeper than the call stack.
 */
function componentsOf(count: number, nextOf: (node: number) => readonly number[]): number[] {
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const component = Array.from({ length: count }, () => -1);
  const open: number[] = [];
  let reached = 0;
  for (let root = 0; root < count; root++) {
    if (order[root] !== -1) continue;
    const path: { node: number; next: readonly number[]; done: number }[] = [];
    const enter = (node: number): void => {
      order[node] = low[node] = reached++;
      open.push(node);
      path.push({ node, next: nextOf(node), done: 0 });
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { node } = top;
      if (top.done < top.next.length) {
        const to = top.next[top.done++]!;
        if (order[to] === -1) enter(to);
        else if (component[to] === -1) low[node] = Math.min(low[node]!, order[to]!);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined) low[parent.node] = Math.min(low[parent.node]!, low[node]!);
      if (low[node] !== order[node]) continue;
      for (let member = open.pop()!; ; member = open.pop()!) {
        component[member] = node;
        if (member === node) break;
      }
    }
  }
  return component;
}
