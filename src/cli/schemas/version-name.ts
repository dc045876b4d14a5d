import { InvalidArgumentError } from 'commander';

import { canonicalName, nameProblem } from '../../event/name/event-name.ts';

/** An event, and perhaps one of its versions. */
export interface Named {
  readonly eventName: string;
  readonly version: number | undefined;
}

/** Reads `order_completed@3`, or `order_completed`. */
export function readNamed(text: string): Named {
  const found = /^(.{1,512}?)(?:@([1-9]\d{0,3}))?$/u.exec(text);
  if (found === null || nameProblem(found[1]!) !== undefined)
    throw new InvalidArgumentError('Name an event and a version: order_completed@3.');
  const [, name, version] = found;
  const eventName = canonicalName(name!);
  return { eventName, version: version === undefined ? undefined : Number(version) };
}

/** Reads `order_completed@3`. */
export function readVersionName(text: string): {
  readonly eventName: string;
  readonly version: number;
} {
  const { eventName, version } = readNamed(text);
  if (version === undefined) throw new InvalidArgumentError(`Which version? Write ${eventName}@1.`);
  return { eventName, version };
}
