import { InvalidArgumentError } from 'commander';

/** An event, and perhaps one of its versions. */
export interface Named {
  readonly eventName: string;
  readonly version: number | undefined;
}

/** Reads `order_completed@3`, or `order_completed`. */
export function readNamed(text: string): Named {
  const found = /^([a-z][a-z0-9_]{0,127})(?:@([1-9]\d{0,3}))?$/.exec(text);
  if (found === null)
    throw new InvalidArgumentError('Name an event and a version: order_completed@3.');
  const [, eventName, version] = found;
  return { eventName: eventName!, version: version === undefined ? undefined : Number(version) };
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
