import type { Timestamp } from '@bufbuild/protobuf/wkt';

import {
  KeyService,
  type WriteKey,
  type WriteKey_Limits,
} from '../../../gen/headgate/v1/key_service_pb.ts';
import {
  eventGlobPattern,
  keyIdPattern,
  sourceGlobPattern,
  sourcePattern,
  writeKeyPrefix,
} from '../../config/write-key.ts';
import {
  durationText,
  recorded,
  timeText,
  type AuditedRpc,
  type RecordedTarget,
} from './audited-rpc.ts';

const keys = KeyService.method;

/** What changes write keys. An entry says which key, with its source, limits and end, and never the key. */
export const keyActs: readonly AuditedRpc[] = [
  recorded('act', keys.createKey, {
    request: ({ source, events, relaySources, lifetime, limits }) => ({
      target: {
        source: shownIf(sourcePattern.test(source), source),
        event_names: shownGlobs(events, eventGlobPattern),
        relay_sources: shownGlobs(relaySources, sourceGlobPattern),
        lifetime: durationText(lifetime),
        ...limitsOf(limits),
      },
    }),
    answer: ({ key }) => ({
      target: { key: key?.id ?? '', ...termsOf(key) },
      counts: { created: 1 },
    }),
  }),
  recorded('act', keys.rotateKey, {
    request: ({ id, overlap }) => ({
      target: { key: shownKeyId(id), overlap: durationText(overlap) },
    }),
    answer: ({ key, replaced }) => ({
      target: {
        new_key: key?.id ?? '',
        ...termsOf(key),
        key_ends: timeOf(replaced?.revokedAt ?? replaced?.expiresAt),
      },
      counts: { created: 1 },
    }),
  }),
  recorded('act', keys.revokeKey, {
    request: ({ id }) => ({ target: { key: shownKeyId(id) } }),
    answer: ({ key }) => ({ target: termsOf(key), counts: { revoked: 1 } }),
  }),
];

/** What a write key may do, and until when. */
function termsOf(key: WriteKey | undefined): RecordedTarget {
  if (key === undefined) return {};
  const { source, events, relaySources, limits, expiresAt } = key;
  return {
    source,
    event_names: events.join(' '),
    relay_sources: relaySources.join(' '),
    ...limitsOf(limits),
    expires: timeOf(expiresAt),
  };
}

/** As the key states them; those that it does not state are left out. */
function limitsOf(limits: WriteKey_Limits | undefined): RecordedTarget {
  if (limits === undefined) return {};
  const { eventsPerSecond, burst, bytesPerDay } = limits;
  return {
    events_per_second: eventsPerSecond || '',
    burst: burst || '',
    bytes_per_day: bytesPerDay || '',
  };
}

function timeOf(time: Timestamp | undefined): string {
  return time === undefined ? '' : timeText(time);
}

/** What is no id may be the key itself. */
export function shownKeyId(id: string): string {
  return keyIdPattern.test(id) ? id : 'not an id';
}

function shownGlobs(globs: readonly string[], pattern: RegExp): string {
  const areGlobs = globs.every((glob) => pattern.test(glob) && !glob.startsWith(writeKeyPrefix));
  return shownIf(areGlobs, globs.join(' '));
}

/** Where a key is made, a text that is refused may be another key. */
function shownIf(isValid: boolean, text: string): string {
  return isValid ? text : 'not a name';
}
