import { isJsonObject, type JsonObject } from '../event/json/json.ts';

/** A transform failed on an event: says why, without the event's data. */
export class TransformError extends Error {}

/** What a transform may change. Everything else identifies the event, or says how it came. */
const changeable: ReadonlySet<string> = new Set([
  'event_name',
  'user_id',
  'anonymous_id',
  'properties',
  'context',
  'occurred_at',
]);

const longestName = 200;

/** A stored event with the names that producers use: `event_id`, `user_id`, `properties`. */
export function readableForm(stored: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

/**
 * The stored event that results, or null if the transform filters it. What identifies the event is
 * put back where the result leaves it out. Throws a TransformError.
 */
export function storedForm(result: unknown, stored: JsonObject): JsonObject | null {
  if (result === null) return null;
  if (result === undefined) {
    throw new TransformError('the transform gave no result: give an event, or null to filter it');
  }
  if (!isJsonObject(result)) {
    throw new TransformError(`the transform gave ${kindOf(result)}: give an event, or null`);
  }
  const before = readableForm(stored);
  for (const [name, value] of Object.entries(result)) {
    if (changeable.has(name)) continue;
    if (!Object.hasOwn(before, name)) {
      throw new TransformError(`the transform gave ${JSON.stringify(name)}, which no event has`);
    }
    if (JSON.stringify(value) !== JSON.stringify(before[name])) {
      throw new TransformError(`the transform changed ${name}, which is fixed`);
    }
  }
  checkKinds(result);
  const fixed = Object.entries(stored).filter(([name]) => !changeable.has(snakeCase(name)));
  const given = Object.entries(result).filter(([name]) => changeable.has(name));
  const after: JsonObject = Object.fromEntries([
    ...fixed,
    ['eventName', stored['eventName']!],
    ...given.map(([name, value]) => [camelCase(name), value] as const),
  ]);
  if (after['eventName'] !== stored['eventName']) renameCall(after);
  // In the order of the original, so that one that nothing changes is written as it was.
  const names = new Set([...Object.keys(stored), ...Object.keys(after)]);
  return Object.fromEntries(
    [...names].filter((name) => Object.hasOwn(after, name)).map((name) => [name, after[name]!]),
  );
}

/**
 * The name that a vendor's SDK gave is that of another event now; and a call that has no name of its own,
 * such as `identify`, is another call.
 */
function renameCall(event: JsonObject): void {
  const { vendorCall } = event;
  if (vendorCall === undefined || !isJsonObject(vendorCall)) return;
  const { eventName: _name, ...call } = vendorCall;
  if (call['call'] === 'track') event['vendorCall'] = call;
  else delete event['vendorCall'];
}

function checkKinds(result: JsonObject): void {
  const { event_name: name } = result;
  if (
    name !== undefined &&
    (typeof name !== 'string' || name === '' || name.length > longestName)
  ) {
    throw new TransformError(`event_name must be a text of 1 to ${longestName} characters`);
  }
  for (const field of ['user_id', 'anonymous_id', 'occurred_at']) {
    const value = result[field];
    if (value !== undefined && typeof value !== 'string') {
      throw new TransformError(`${field} must be a text: leave it out to remove it`);
    }
  }
  for (const field of ['properties', 'context']) {
    const value = result[field];
    if (value !== undefined && !isJsonObject(value)) {
      throw new TransformError(`${field} must be an object`);
    }
  }
}

const snakeCase = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const camelCase = (name: string): string =>
  name.replaceAll(/_([a-z])/g, (_found, letter: string) => letter.toUpperCase());

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
