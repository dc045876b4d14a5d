import { ServiceError } from '../errors.ts';
import { logFailureOf } from '../jetstream/log-failure.ts';
import type { Log } from '../jetstream/log.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { sizeOf, type StreamRoom } from '../jetstream/read/stream-size.ts';
import { subjects } from '../jetstream/topology.ts';
import {
  writeAuditPart,
  type AuditOpening,
  type AuditOutcome,
  type AuditIntent,
  type AuditPart,
} from './audit-part.ts';

/** The audit log: the stream AUDIT, to which parts are only appended. */
export interface AuditLog {
  /**
   * Stores a part before the act, or before a view is shown. Resolves to its position. Throws a
   * ServiceError, `audit_full` or `log_unavailable`: then nothing may be done, nor shown.
   */
  begin(action: string, part: AuditOpening | AuditIntent): Promise<number>;
  /** Stores the outcome. Throws the same errors: the outcome is then unknown. */
  end(action: string, part: AuditOutcome): Promise<void>;
}

/**
 * The room that stays for the outcomes of what has begun: 5 %, at most 1 MiB. An outcome has at most
 * 30 KB, with a hundred events, and seldom more than 300 bytes.
 */
const reserveShare = 0.05;
const reserveBytesMax = 1024 * 1024;

/**
 * How full roles may make it. Someone who only reads must not be able to keep others from revoking a key: a
 * viewer who reads as fast as answers come fills 256 MiB within an hour.
 */
const fullnessMaxOf = new Map([
  ['viewer', 0.85],
  ['operator', 0.9],
]);

/** Whether something of a role may begin: beyond that, only outcomes are stored. */
export function hasRoomToBegin({ bytes, bytesMax }: StreamRoom, role = 'admin'): boolean {
  const fullnessMax = fullnessMaxOf.get(role) ?? 1;
  const reserve = Math.min(reserveBytesMax, Math.ceil(bytesMax * reserveShare));
  return bytes <= Math.min(bytesMax - reserve, Math.floor(bytesMax * fullnessMax));
}

export function createAuditLog(log: Log): AuditLog {
  const store = async (action: string, part: AuditPart): Promise<number> => {
    const subject = subjects.audit(action, bucketOf(part.id));
    const { sequence } = await log.store('AUDIT', subject, {}, writeAuditPart(part));
    return sequence;
  };
  return {
    begin: async (action, part) => {
      try {
        const away = log.failure();
        if (away !== undefined) throw new PublishError('disconnected', away);
        const size = await sizeOf(log, 'AUDIT');
        // Further pages of an act have no role: what has begun goes on.
        if (!hasRoomToBegin(size, 'role' in part ? part.role : undefined)) throw full(size);
        return await store(action, part);
      } catch (error) {
        throw refusalOf(error);
      }
    },
    end: async (action, part) => {
      try {
        await store(action, part);
      } catch (error) {
        throw refusalOf(error);
      }
    },
  };
}

/** The bucket of an act: the beginning of its id, a UUID. */
export function bucketOf(id: string): string {
  return id.slice(0, 3);
}

function full({ bytes, bytesMax }: StreamRoom): ServiceError {
  const what = `The audit log holds ${bytes} bytes of ${bytesMax}`;
  return new ServiceError('audit_full', `${what}, so that nothing was done or shown.`);
}

function refusalOf(error: unknown): unknown {
  if (error instanceof ServiceError) return error;
  if (error instanceof PublishError && error.code === 'stream_full') {
    const text = 'The audit log has no room, so that nothing was done or shown.';
    return new ServiceError('audit_full', text, { cause: error });
  }
  const why = logFailureOf(error);
  if (why === undefined) return error;
  const text = `Nothing was done or shown, because the audit log could not be written: ${why}.`;
  return new ServiceError('log_unavailable', text, { cause: error });
}
