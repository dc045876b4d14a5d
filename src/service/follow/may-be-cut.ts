import { isDeepStrictEqual } from 'node:util';

import type { WriteKey } from '../../config/config.ts';
import type { OperatorEntry } from '../../config/operators/operator-entry.ts';
import type { WebhookSource } from '../../config/webhook-source.ts';

/** One key, operator, webhook or certificate of a file, in the order of the file. */
export interface FollowedEntry {
  /** What identifies it. Never shown: it may be a hash of a key. */
  readonly id: string;
  /** What it consists of. An entry that has lost one of them has changed. */
  readonly parts: readonly unknown[];
  /** What can change in it without a sign that the file was cut. */
  readonly traits?: unknown;
}

/** What a change of a file does to its entries. Numbers only, so that it can be logged. */
export interface EntryChange {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

export function compareEntries(
  before: readonly FollowedEntry[],
  after: readonly FollowedEntry[],
): EntryChange {
  const old = new Map(before.map((entry) => [entry.id, entry]));
  const next = new Map(after.map((entry) => [entry.id, entry]));
  const stayed = after.filter(({ id }) => old.has(id));
  return {
    added: next.size - stayed.length,
    removed: before.filter(({ id }) => !next.has(id)).length,
    changed: stayed.filter((entry) => !isDeepStrictEqual(entry, old.get(entry.id))).length,
  };
}

/**
 * Whether a file may have been cut while it was written: by a full disk, an editor that empties the file
 * first, a copy that goes on. Such a file can be valid, and lacks entries at its end. So it may be cut if
 * the last entry is gone or has lost something, or more than half of all have.
 */
export function mayBeCut(
  before: readonly FollowedEntry[],
  after: readonly FollowedEntry[],
): boolean {
  const next = new Map(after.map((entry) => [entry.id, entry]));
  const isWhole = ({ id, parts }: FollowedEntry): boolean => {
    const found = next.get(id);
    if (found === undefined) return false;
    return parts.every((part) => found.parts.some((each) => isDeepStrictEqual(each, part)));
  };
  const last = before.at(-1);
  if (last === undefined) return false;
  const lost = before.filter((entry) => !isWhole(entry)).length;
  return !isWhole(last) || lost > before.length / 2;
}

// Every member of an entry counts, also those of later versions: a change of one that is left out here
// would never come into force.

/** A source more that a key relays is no loss, and a source less is one. */
export function keyEntries(keys: readonly WriteKey[]): FollowedEntry[] {
  return keys.map(({ hash, relaySources = [], ...rest }) => ({
    id: hash,
    parts: [rest, ...relaySources],
  }));
}

/** Each member of an entry is required, so that one that was cut is not valid. */
export function operatorEntries(operators: readonly OperatorEntry[]): FollowedEntry[] {
  return operators.map(({ hash, ...traits }) => ({ id: hash, parts: [], traits }));
}

/** A secret more is no loss, and a secret less is one. */
export function webhookEntries(webhooks: readonly WebhookSource[]): FollowedEntry[] {
  return webhooks.map(({ secrets, ...rest }) => ({ id: rest.source, parts: [rest, ...secrets] }));
}
