import { ServiceError } from '../../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { defineMember } from '../../event/json/parse-json.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { parseJson } from '../decode/parse-body.ts';

/** One change to an event before it is validated again. */
export interface MemberEdit {
  /** A JSON pointer into the event: `/properties/currency`. */
  readonly path: string;
  /** JSON; empty: what is there is taken out. */
  readonly valueJson: string;
}

export const editsMax = 100;

/**
 * The text of an event with its edits made. Numbers that are not touched keep their digits. Throws a
 * ServiceError `invalid_edit`.
 */
export function editedText(text: string, edits: readonly MemberEdit[]): string {
  if (edits.length === 0) return text;
  if (edits.length > editsMax)
    refuse(`There are ${edits.length} edits; at most ${editsMax} are made.`);
  const event = parsed(text, 'The event cannot be edited: it');
  if (!isJsonObject(event))
    refuse('The event is no JSON object, so there is no place in it to edit.');
  openProperties(event);
  for (const { path, valueJson } of edits) {
    const steps = stepsOf(path);
    if (valueJson === '') takeOut(event, steps);
    else put(event, steps, parsed(valueJson, `The value for ${path}`), path);
  }
  return JSON.stringify(event);
}

/** A text of properties becomes an object, so that there are places in it. */
function openProperties(event: JsonObject): void {
  const text = event['properties_json'];
  if (typeof text !== 'string' || event['properties'] !== undefined) return;
  try {
    event['properties'] = parseExactly(text) ?? parseJson(text);
    delete event['properties_json'];
  } catch {
    // It stays as it is, and is validated so.
  }
}

function parsed(text: string, what: string): JsonValue {
  try {
    // In brackets, since a number by itself is no text that is looked at for its digits.
    const list = `[${text}]`;
    const [value, ...others] = (parseExactly(list) ?? parseJson(list)) as JsonValue[];
    if (value === undefined || others.length > 0) throw new SyntaxError('no value, or several');
    return value;
  } catch {
    return refuse(`${what} is not JSON. A text stands in quotes: '"EUR"'.`);
  }
}

function stepsOf(path: string): string[] {
  if (!path.startsWith('/')) {
    refuse(`"${path.slice(0, 60)}" is no path. Write a JSON pointer: /properties/currency.`);
  }
  return path
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

type Holder = JsonObject | JsonValue[];

function put(event: JsonObject, steps: readonly string[], value: JsonValue, path: string): void {
  let holder: Holder = event;
  for (const step of steps.slice(0, -1)) {
    const next = memberOf(holder, step);
    if (next !== undefined && isHolder(next)) holder = next;
    else if (next === undefined && !Array.isArray(holder)) {
      const made: JsonObject = {};
      setMember(holder, step, made);
      holder = made;
    } else refuse(`${path} leads through "${step}", which is no object.`);
  }
  const last = steps.at(-1)!;
  if (!Array.isArray(holder)) setMember(holder, last, value);
  else if (last === '-') holder.push(value);
  else if (/^\d+$/.test(last) && Number(last) < holder.length) holder[Number(last)] = value;
  else refuse(`${path} is no place in its array of ${holder.length}.`);
}

function takeOut(event: JsonObject, steps: readonly string[]): void {
  let holder: Holder = event;
  for (const step of steps.slice(0, -1)) {
    const next = memberOf(holder, step);
    // What is not there is out already: one edit serves many events.
    if (next === undefined || !isHolder(next)) return;
    holder = next;
  }
  const last = steps.at(-1)!;
  if (memberOf(holder, last) === undefined) return;
  if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
}

function memberOf(holder: Holder, step: string): JsonValue | undefined {
  if (Array.isArray(holder)) return /^\d+$/.test(step) ? holder[Number(step)] : undefined;
  return Object.hasOwn(holder, step) ? holder[step] : undefined;
}

function setMember(holder: JsonObject, name: string, value: JsonValue): void {
  if (name === '__proto__') defineMember(holder, name, value);
  else holder[name] = value;
}

/** A number that kept its digits is an object too, and holds nothing. */
function isHolder(value: JsonValue): value is Holder {
  return Array.isArray(value) || (isJsonObject(value) && Object.getPrototypeOf(value) !== null);
}

function refuse(message: string): never {
  throw new ServiceError('invalid_edit', message);
}
