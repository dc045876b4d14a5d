import type { Log } from '../jetstream/log.ts';
import { readMatching, readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { walkPage, type WalkPage } from '../jetstream/read/walk/walk-pages.ts';
import { subjects } from '../jetstream/topology.ts';
import { bucketOf } from './audit-log.ts';
import { isOpening, readAuditPart, type AuditOpening } from './audit-part.ts';
import { addPart, isComplete, namesEvent, openRecord, type AuditRecord } from './audit-record.ts';

/** Selects records. Empty, 0 and Infinity match any. */
export interface AuditFilter {
  readonly operator: string;
  /** The name of an RPC. */
  readonly action: string;
  readonly destination: string;
  /** An id of an event, of any kind. */
  readonly event: string;
  /** The id of a write key. */
  readonly key: string;
  /** The id of a redelivery. */
  readonly redelivery: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Reads the audit log. */
export interface AuditRecords {
  /**
   * Oldest first, by the time at which they began; with `event`, by the time at which the event was
   * first named. Throws a ServiceError `malformed_request` for a page token of another list.
   */
  page(filter: AuditFilter, size: number, pageToken: string): Promise<WalkPage<AuditRecord>>;
}

const actionPattern = /^[A-Za-z0-9]{1,64}$/;

export function createAuditRecords(log: Log): AuditRecords {
  return {
    page: (filter, size, pageToken) => {
      const { sinceMs, untilMs, action } = filter;
      const isAction = action === '' || actionPattern.test(action);
      const walked = isAction ? [subjects.audit(action || '*', '*')] : [];
      const walk = { stream: 'AUDIT', subjects: walked, sinceMs, untilMs } as const;
      return walkPage(log, 'audit', walk, pageToken, { itemsMax: size }, async (message) => {
        const found = await recordAt(log, message, filter.event);
        return found !== undefined && matches(found, filter) ? found : undefined;
      });
    },
  };
}

function matches({ operator, target }: AuditRecord, filter: AuditFilter): boolean {
  if (filter.operator !== '' && filter.operator !== operator) return false;
  const { destination, key, redelivery } = filter;
  if (destination !== '' && destination !== target['destination']) return false;
  if (redelivery !== '' && redelivery !== target['redelivery']) return false;
  return key === '' || key === target['key'] || key === target['new_key'];
}

/** The record that is listed at a message: at its first part, or the first that names the event. */
async function recordAt(
  log: Log,
  message: StoredMessage,
  event: string,
): Promise<AuditRecord | undefined> {
  const part = readAuditPart(message.payload);
  if (part === undefined) return undefined;
  if (event === '') return isOpening(part) ? readRecord(log, message, part) : undefined;
  if (!('events' in part) || !namesEvent(part.events, event)) return undefined;
  if (isOpening(part)) return readRecord(log, message, part);
  const first = await readMessage(log, 'AUDIT', part.first);
  const opening = first && readAuditPart(first.payload);
  // The first part may be older than the retention, and gone.
  if (opening === undefined || !isOpening(opening)) return undefined;
  if (await wasNamedBefore(log, first!, opening, message.sequence, event)) return undefined;
  return readRecord(log, first!, opening);
}

async function wasNamedBefore(
  log: Log,
  first: StoredMessage,
  opening: AuditOpening,
  sequence: number,
  event: string,
): Promise<boolean> {
  if (namesEvent(opening.events, event)) return true;
  for await (const { message, part } of partsAfter(log, first, opening)) {
    if (message.sequence >= sequence) return false;
    if ('events' in part && namesEvent(part.events, event)) return true;
  }
  return false;
}

async function readRecord(
  log: Log,
  first: StoredMessage,
  opening: AuditOpening,
): Promise<AuditRecord> {
  let record = openRecord(opening, first.storedAtMs);
  if (opening.part === 'whole') return record;
  for await (const { message, part } of partsAfter(log, first, opening)) {
    record = addPart(record, part, message.storedAtMs);
    if (isComplete(record)) break;
  }
  return record;
}

/**
 * The later parts of an act. Its bucket has one of 4,096 parts of all acts of this kind: reading it to
 * the end, for an act without an outcome, reads some hundred messages of a full log.
 */
async function* partsAfter(log: Log, first: StoredMessage, { id, action }: AuditOpening) {
  const subject = subjects.audit(action, bucketOf(id));
  for await (const message of readMatching(log, 'AUDIT', subject, first.sequence + 1)) {
    const part = readAuditPart(message.payload);
    if (part?.id === id) yield { message, part };
  }
}
