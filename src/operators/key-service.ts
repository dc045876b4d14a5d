import { durationMs, timestampFromMs, type Duration, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

import {
  WriteKey_State as State,
  type KeyService,
  type WriteKey_Limits as WrittenLimits,
} from '../../gen/headgate/v1/key_service_pb.ts';
import {
  completeLimits,
  eventGlobPattern,
  faultOfLimits,
  isSameLimits,
  keyIdPattern,
  limitsBySource,
  sourceGlobPattern,
  sourceForm,
  sourcePattern,
  type SourceLimits,
} from '../config/write-key.ts';
import type { KeyEditor } from '../keys/key-editor.ts';
import type { ListedKey } from '../keys/key-list.ts';
import { globCharactersMax, globsMax } from '../keys/stored-key.ts';
import { operatorOf } from './access/operator.ts';
import { readPageSize, refuse } from './request-fields.ts';

export interface KeyServiceOptions {
  readonly editor: KeyEditor;
  /** Reads and applies everything written so far. */
  readonly refresh: () => Promise<void>;
  /** The keys of the configuration and of the log, in the order of the list. */
  readonly list: () => readonly ListedKey[];
  readonly auth: 'off' | 'keys';
  /** The sources of webhooks in force, which may have limits too. */
  readonly webhooks: () => readonly StatedSource[];
  readonly requestBytesMax: number;
}

interface StatedSource {
  readonly source: string;
  readonly limits?: SourceLimits | undefined;
}

const dayMs = 86_400_000;
const lifetimeMsMin = 1_000;
const lifetimeMsMax = 3_650 * dayMs;
const overlapMsDefault = dayMs;
const overlapMsMax = 90 * dayMs;

/** `headgate.v1.KeyService`, for the admin port. The service never logs a key. */
export function createKeyService(options: KeyServiceOptions): ServiceImpl<typeof KeyService> {
  const { editor, refresh, list, auth, webhooks, requestBytesMax } = options;
  const found = (id: string) => describe(list().find((each) => each.id === id)!);
  return {
    createKey: async ({ source, events, relaySources, lifetime, limits }, context) => {
      const wanted = {
        source: readSource(source),
        events: readGlobs('events', events),
        relaySources: readGlobs('relay_sources', relaySources),
        lifetimeMs: readLifetime(lifetime),
        limits: readLimits(limits, requestBytesMax),
      };
      const { key, text } = await editor.create(wanted, operatorOf(context).name);
      const others = list().filter(({ id, state }) => state === 'in_force' && id !== key.id);
      const warning = warningOn(key, [...others, ...webhooks()]);
      return { key: found(key.id), secret: text, authOff: auth === 'off', warning };
    },
    listKeys: async ({ source, includeEnded, pageSize, pageToken }) => {
      const size = readPageSize(pageSize);
      await refresh();
      const keys = list()
        .filter((key) => source === '' || key.source === source)
        .filter(({ state }) => includeEnded || state === 'in_force');
      const before = keys.findIndex(({ id }) => id === pageToken);
      if (pageToken !== '' && before === -1) {
        refuse('page_token is not of this list, or its key has ended: begin with the first page.');
      }
      const page = keys.slice(before + 1, before + 1 + size);
      const isLast = before + 1 + size >= keys.length;
      return { keys: page.map(describe), nextPageToken: isLast ? '' : page.at(-1)!.id };
    },
    rotateKey: async ({ id, overlap }, context) => {
      const overlapMs = readOverlap(overlap);
      const by = operatorOf(context).name;
      const { key, text, replaced } = await editor.rotate(readId(id), overlapMs, by);
      return { key: found(key.id), secret: text, replaced: found(replaced.id) };
    },
    revokeKey: async ({ id }, context) => {
      const key = await editor.revoke(readId(id), operatorOf(context).name);
      return { key: found(key.id) };
    },
  };
}

function readSource(source: string): string {
  if (sourcePattern.test(source)) return source;
  return refuse(`source is not a source: ${sourceForm}.`);
}

const globForms = {
  events: { pattern: eventGlobPattern, text: 'event names: write a name, with * for any text' },
  relay_sources: { pattern: sourceGlobPattern, text: 'sources: write a-z, 0-9, _, - and *' },
};

function readGlobs(field: keyof typeof globForms, globs: readonly string[]): readonly string[] {
  if (globs.length > globsMax) {
    refuse(`${field} has ${globs.length} globs; a key has at most ${globsMax}.`);
  }
  const { pattern, text } = globForms[field];
  for (const [index, glob] of globs.entries()) {
    if (glob.length > globCharactersMax || !pattern.test(glob)) {
      refuse(
        `${field}: item ${index + 1} is not a glob on ${text}, of at most ` +
          `${globCharactersMax} characters.`,
      );
    }
  }
  return globs;
}

function readLifetime(lifetime: Duration | undefined): number | undefined {
  if (lifetime === undefined) return undefined;
  const ms = durationMs(lifetime);
  if (ms >= lifetimeMsMin && ms <= lifetimeMsMax) return ms;
  return refuse(
    'lifetime is not within a second and 10 years; leave it out for a key without end.',
  );
}

function readLimits(
  limits: WrittenLimits | undefined,
  requestBytesMax: number,
): SourceLimits | undefined {
  if (limits === undefined) return undefined;
  const stated = {
    eventsPerSecond: limits.eventsPerSecond || undefined,
    burst: limits.burst || undefined,
    bytesPerDay: Number(limits.bytesPerDay) || undefined,
  } as Partial<SourceLimits>;
  const fault = faultOfLimits(stated);
  if (fault !== undefined) refuse(fault);
  const { bytesPerDay = requestBytesMax } = stated;
  if (bytesPerDay < requestBytesMax) {
    refuse(
      `limits.bytes_per_day is ${bytesPerDay}, below limits.request_bytes_max (${requestBytesMax}) of ` +
        'this gate, so that a large request could never be taken: raise it.',
    );
  }
  return completeLimits(stated);
}

/** What its operator must know of the limits of a new key; empty: nothing. */
function warningOn(made: StatedSource, others: readonly StatedSource[]): string {
  const { source, limits } = made;
  const stated = others.filter((other) => other.source === source && other.limits !== undefined);
  if (limits === undefined || stated.every((other) => isSameLimits(other.limits!, limits)))
    return '';
  const { eventsPerSecond, burst, bytesPerDay } = limitsBySource([made, ...stated]).get(source)!;
  const texts = [
    eventsPerSecond === undefined ? '' : `${eventsPerSecond} events a second, ${burst} at once`,
    bytesPerDay === undefined ? '' : `${bytesPerDay} bytes a day`,
  ];
  return (
    `The other keys of ${source} have other limits. The strictest of each apply to all of its keys: ` +
    `${texts.filter((text) => text !== '').join('; ')}.`
  );
}

function readOverlap(overlap: Duration | undefined): number {
  const ms = overlap === undefined ? overlapMsDefault : durationMs(overlap);
  if (ms >= 0 && ms <= overlapMsMax) return ms;
  return refuse('overlap is not within 0 and 90 days.');
}

function readId(id: string): string {
  if (keyIdPattern.test(id)) return id;
  // Not shown: it may be the key itself.
  return refuse('id is not the id of a write key, which has 12 hex digits (headgate keys list).');
}

const states = { in_force: State.IN_FORCE, expired: State.EXPIRED, revoked: State.REVOKED };

/** A time as a member, which is left out if there is no time. */
function timeAs<Name extends string>(
  name: Name,
  timeMs: number | undefined,
): Partial<Record<Name, Timestamp>> {
  const member = timeMs === undefined ? {} : { [name]: timestampFromMs(timeMs) };
  return member as Partial<Record<Name, Timestamp>>;
}

function describe(key: ListedKey) {
  const { id, source, events, state, createdBy = '', revokedBy = '' } = key;
  return {
    id,
    source,
    events: [...events],
    relaySources: [...(key.relaySources ?? [])],
    state: states[state],
    createdBy,
    revokedBy,
    replaces: key.replaces ?? '',
    replacedBy: key.replacedBy ?? '',
    inFile: key.isInFile,
    expiringInUse: key.isExpiringInUse,
    ...(key.limits && { limits: describeLimits(key.limits) }),
    // The configuration does not say when.
    ...timeAs('createdAt', key.createdAtMs || undefined),
    ...timeAs('expiresAt', key.expiresAtMs),
    ...timeAs('revokedAt', key.revokedAtMs),
    ...timeAs('lastUsedAt', key.lastUsedAtMs),
  };
}

function describeLimits({ eventsPerSecond = 0, burst = 0, bytesPerDay = 0 }: SourceLimits) {
  return { eventsPerSecond, burst, bytesPerDay: BigInt(bytesPerDay) };
}
