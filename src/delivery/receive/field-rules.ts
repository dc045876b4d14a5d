import { createHmac, createSecretKey } from 'node:crypto';

import type { FieldPath, FieldRules } from '../../config/config.ts';
import { canonicalJson, hasMembers, mapMembers, rawJson } from '../../event/changed-properties.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { parseByHand, parseJsonText } from '../../event/json/parse-json.ts';

/** Reduces a stored event to what a destination may see. Throws if it is not a stored event. */
export type FieldMapping = (payload: Uint8Array) => Uint8Array;

/** A set of paths as a tree of their tokens. */
interface PathNode {
  /** A path ends here: it names this value and everything below it. */
  isNamed: boolean;
  readonly members: Map<string, PathNode>;
}

/** A field's name in the contract, and its name in the stored event. */
const memberNames: Readonly<Record<string, string>> = {
  user_id: 'userId',
  anonymous_id: 'anonymousId',
  properties: 'properties',
  context: 'context',
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Compiles the rules of a destination. They apply in this order, whatever the order in the file:
 *
 * 1. `allow`: keeps only what a path names in user_id, anonymous_id, properties and context.
 * 2. `drop`: removes what a path names.
 * 3. `hash`: replaces each text, number and boolean at or below a path by its HMAC-SHA256 in hex.
 *
 * Kept numbers are written exactly as received, at any length.
 */
export function compileFieldRules(rules: FieldRules): FieldMapping {
  const allow = rules.allow === undefined ? undefined : buildTree(rules.allow);
  const drop = buildTree(rules.drop);
  const hash = buildTree(rules.hash);
  const key = createSecretKey(rules.hashKey?.reveal() ?? '', 'utf8');
  const hashed = (text: string): string => createHmac('sha256', key).update(text).digest('hex');
  const changes: ((event: JsonObject) => JsonObject)[] = [];
  if (allow !== undefined) changes.push((event) => keepAllowed(event, allow));
  if (drop.members.size > 0) {
    changes.push((event) => replaceNamed(event, [drop], () => undefined) as JsonObject);
  }
  if (hash.members.size > 0) {
    const replace = (value: JsonValue): JsonValue => hashLeaves(value, hashed);
    changes.push((event) => replaceNamed(event, [hash], replace) as JsonObject);
  }
  return (payload) => {
    const event = parseExactly(decoder.decode(payload));
    if (!isJsonObject(event) || typeof event['eventId'] !== 'string') {
      throw new TypeError('it has no eventId');
    }
    let changed = event;
    for (const change of changes) changed = change(changed);
    return encoder.encode(JSON.stringify(changed));
  };
}

/**
 * Matches text that may be a number which `JSON.parse` and `JSON.stringify` write differently: -0,
 * an exponent, trailing zeros, many digits, or very small. Nearly every event has no such number,
 * and V8's parser is three times as fast.
 */
const oddNumber = /[:,[]\s*-?(?:\d+(?:\.\d+)?[eE]|[\d.]{16}|\d+\.\d*0(?!\d)|0\.0{6})|-0(?![.\d])/;

function parseExactly(text: string): JsonValue {
  return oddNumber.test(text) ? parseByHand(text, numberOf) : parseJsonText(text);
}

/** Keeps a number as raw text if a double would change it. */
function numberOf(source: string): unknown {
  const number = Number(source);
  return String(number) === source ? number : rawJson(source);
}

function buildTree(paths: readonly FieldPath[]): PathNode {
  const root: PathNode = { isNamed: false, members: new Map() };
  for (const [first, ...rest] of paths) {
    let node = root;
    for (const token of [memberNames[first!]!, ...rest]) {
      let next = node.members.get(token);
      if (next === undefined) {
        next = { isNamed: false, members: new Map() };
        node.members.set(token, next);
      }
      node = next;
    }
    node.isNamed = true;
  }
  return root;
}

/** The next nodes: both the name and `*` may match. */
function step(nodes: readonly PathNode[], name: string): PathNode[] {
  const next: PathNode[] = [];
  for (const { members } of nodes) {
    const named = members.get(name);
    const any = members.get('*');
    if (named !== undefined) next.push(named);
    if (any !== undefined && any !== named) next.push(any);
  }
  return next;
}

const namedMembers: ReadonlySet<string> = new Set(Object.values(memberNames));

function keepAllowed(event: JsonObject, allow: PathNode): JsonObject {
  return mapMembers(event, (name, value) =>
    namedMembers.has(name) ? keepNamed(value, step([allow], name)) : value,
  );
}

/** Undefined if nothing of the value is kept. */
function keepNamed(value: JsonValue, nodes: readonly PathNode[]): JsonValue | undefined {
  if (nodes.some(({ isNamed }) => isNamed)) return value;
  if (nodes.length === 0) return undefined;
  return mapBelow(value, (member, name) => keepNamed(member, step(nodes, name)), undefined);
}

/** Replaces or removes each value that a path names. */
function replaceNamed(
  value: JsonValue,
  nodes: readonly PathNode[],
  replace: (value: JsonValue) => JsonValue | undefined,
): JsonValue | undefined {
  if (nodes.some(({ isNamed }) => isNamed)) return replace(value);
  if (nodes.length === 0) return value;
  return mapBelow(value, (one, name) => replaceNamed(one, step(nodes, name), replace), value);
}

function hashLeaves(value: JsonValue, hashed: (text: string) => string): JsonValue {
  if (value === null) return null;
  if (typeof value === 'string') return hashed(value);
  if (!Array.isArray(value) && !hasMembers(value)) return hashed(canonicalJson(value));
  return mapBelow(value, (member) => hashLeaves(member, hashed), value)!;
}

/** Applies `change` to each member or item; returns `otherwise` for a value without any. */
function mapBelow(
  value: JsonValue,
  change: (member: JsonValue, name: string) => JsonValue | undefined,
  otherwise: JsonValue | undefined,
): JsonValue | undefined {
  if (Array.isArray(value)) {
    return value
      .map((item, index) => change(item, String(index)))
      .filter((item) => item !== undefined);
  }
  return hasMembers(value) ? mapMembers(value, (name, member) => change(member, name)) : otherwise;
}
