import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

import type { Config } from '../../config/config.ts';
import { isSecret } from '../../config/secret.ts';
import { StartError } from '../../errors.ts';
import type { Signals } from '../../observability/signals.ts';
import { holdMs, type Offer, type OfferOutcome } from './follow-contents.ts';
import {
  compareEntries,
  keyEntries,
  mayBeCut,
  operatorEntries,
  webhookEntries,
} from './may-be-cut.ts';

/** How the configuration is read again. */
export interface ConfigReader {
  /** The path of headgate.yaml, whether it exists or not. */
  readonly file: string;
  /** Throws a StartError that lists every fault. */
  readonly read: (readFile: (file: string) => string) => Config;
}

/** The parts of the configuration that are followed. */
const followedNames = ['keys', 'operators', 'webhooks'] as const;
type FollowedName = (typeof followedNames)[number];

export interface TakeConfigurationOptions {
  readonly config: Config;
  readonly reader: ConfigReader;
  readonly signals: Signals;
  readonly onChange: (changed: Pick<Config, FollowedName>) => void;
}

/** Returns a function that reads headgate.yaml again, and decides whether it comes into force. */
export function createTakeConfiguration(options: TakeConfigurationOptions) {
  const { config, reader, signals, onChange } = options;
  const hasFile = existsSync(reader.file);
  let inForce = config;
  /** Whether the text in force ends with the end of a line; undefined before the first look. */
  let endsWithLine: boolean | undefined;
  return (offer: Offer): OfferOutcome => {
    const textOf = (file: string): string => offer.contents.bytesOf(file).toString('utf8');
    try {
      const text = hasFile ? filledText(reader.file, textOf) : '';
      const next = reader.read(textOf);
      checkAuth(config, next, reader.file);
      const entries = {
        key: [keyEntries(inForce.keys), keyEntries(next.keys)],
        operator: [operatorEntries(inForce.operators), operatorEntries(next.operators)],
        webhook: [webhookEntries(inForce.webhooks), webhookEntries(next.webhooks)],
      } as const;
      const pairs = Object.values(entries);
      const isSame = pairs.every((pair) => isDeepStrictEqual(...pair));
      const counts = {
        key: compareEntries(...entries.key),
        operator: compareEntries(...entries.operator),
        webhook: compareEntries(...entries.webhook),
      };
      if (!isSame && !offer.isOrdered) {
        checkLastLine(reader.file, text, endsWithLine);
        if (!offer.mayRemove && pairs.some((pair) => mayBeCut(...pair))) {
          signals.reloadHeld('configuration', counts, holdMs);
          return 'held';
        }
      }
      const others = settingsThatNeedRestart(inForce, next);
      if (others.length > 0) signals.restartNeeded(others);
      inForce = next;
      endsWithLine = text.endsWith('\n');
      if (!isSame || !offer.isFirst || offer.isOrdered) signals.reloaded('configuration', counts);
      if (isSame) return 'unchanged';
      onChange({ keys: next.keys, operators: next.operators, webhooks: next.webhooks });
      return 'applied';
    } catch (error) {
      signals.reloadFailed('configuration', error);
      return 'failed';
    }
  };
}

/** Throws a StartError for a file that is gone or empty: its defaults would revoke every key. */
function filledText(file: string, textOf: (file: string) => string): string {
  let text: string;
  try {
    text = textOf(file);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new StartError(
      why === 'ENOENT'
        ? `${file} does not exist any more: put it back.`
        : `${file} cannot be read (${why}): make it a file that this user may read.`,
      { cause },
    );
  }
  if (text.trim() === '') throw new StartError(`${file} is empty: fill it.`);
  return text;
}

/** A line that is cut can be valid, with another source or without the globs that limit a key. */
function checkLastLine(file: string, text: string, endedWithLine: boolean | undefined): void {
  if (endedWithLine !== true || text.endsWith('\n')) return;
  throw new StartError(
    `${file} ends in the middle of a line, and did not before: complete it. If it is complete, end its ` +
      'last line, or send SIGHUP.',
  );
}

/** `auth` is fixed at the start: a file without it is one that lost its beginning or its end. */
function checkAuth({ auth }: Config, next: Config, file: string): void {
  if (next.auth === auth) return;
  throw new StartError(
    `auth is ${auth} in the running gate, and ${next.auth} by ${file}: complete the file, or ` +
      'restart to change auth.',
  );
}

/** Names the parts of the configuration that differ, besides those that are followed. */
export function settingsThatNeedRestart(before: Config, after: Config): string[] {
  return (Object.keys(after) as (keyof Config)[]).filter(
    (name) =>
      !(followedNames as readonly string[]).includes(name) &&
      comparable(before[name]) !== comparable(after[name]),
  );
}

/** Text of a value with its secrets, which are objects that show themselves as `***`. */
function comparable(value: unknown): string | undefined {
  return JSON.stringify(value, function (this: Record<string, unknown>, name, shown: unknown) {
    const each = this[name];
    if (each instanceof Set) return [...each];
    return isSecret(each) ? each.reveal() : shown;
  });
}
